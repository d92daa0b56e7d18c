using System.IO.Pipelines;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using Microsoft.AspNetCore.Http;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;

namespace NodeAgent.Kubernetes.Tests.Api;

public sealed class PodExecTests
{
    private const string Success = """{"metadata":{},"status":"Success"}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_command_runs_to_its_end_with_both_of_its_outputs()
    {
        var large = new string('x', 100_000);
        await using var server = await ServeAsync((1, "one "), (2, "warning"), (1, large), (1, ""), (3, Success));
        using var client = new ApiClient(ClusterConfig.ForServer(server.Address, "secret"));
        using var stdout = new MemoryStream();
        using var stderr = new MemoryStream();
        var code = await client.ExecAsync("shop", "web", "main", ["sh", "-c", "echo a&b"], stdout, stderr, Cancellation);
        Assert.Equal((0, "one " + large, "warning"), (code, Text(stdout), Text(stderr)));
        var request = Assert.Single(server.Requests);
        Assert.Equal(
            ("/api/v1/namespaces/shop/pods/web/exec", "?container=main&stdout=true&stderr=true&command=sh&command=-c&command=echo%20a%26b", "Bearer secret", "v4.channel.k8s.io"),
            (request.Path, request.Query, request.Header("Authorization"), request.Header("Sec-WebSocket-Protocol")));
    }

    [Fact]
    public async Task The_exit_code_is_taken_from_the_status()
    {
        await using var server = await ServeAsync((3,
            """{"status":"Failure","message":"command terminated with non-zero exit code","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"17"}]}}"""));
        using var client = server.Connect();
        Assert.Equal(17, await client.ExecAsync("shop", "web", null, ["false"], Stream.Null, Stream.Null, Cancellation));
    }

    [Fact]
    public async Task A_command_that_cannot_be_started_is_an_error_with_the_reason()
    {
        await using var server = await ServeAsync((3, """{"status":"Failure","message":"exec: \"nope\": not found","reason":"InternalError","code":500}"""));
        using var client = server.Connect();
        var error = await Assert.ThrowsAsync<ApiException>(() => client.ExecAsync("shop", "web", null, ["nope"], Stream.Null, Stream.Null, Cancellation));
        Assert.Contains("exec: \"nope\": not found", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refused_command_has_the_servers_code()
    {
        await using var server = await TestServer.StartAsync(TestServer.Status(403, "Forbidden", "no"));
        using var client = server.Connect();
        var error = await Assert.ThrowsAsync<ApiException>(() => client.ExecAsync("shop", "web", null, ["ls"], Stream.Null, Stream.Null, Cancellation));
        Assert.Equal(HttpStatusCode.Forbidden, error.StatusCode);
    }

    [Fact]
    public async Task A_connection_that_ends_without_a_status_leaves_the_outcome_unknown()
    {
        await using var server = await ServeAsync((1, "half"));
        using var client = server.Connect();
        var error = await Assert.ThrowsAsync<HttpRequestException>(() => client.ExecAsync("shop", "web", null, ["ls"], Stream.Null, Stream.Null, Cancellation));
        Assert.Contains("the connection was lost before the command ended", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_connection_that_breaks_leaves_the_outcome_unknown()
    {
        var arrived = new TaskCompletionSource();
        await using var server = await TestServer.StartAsync(async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync("v4.channel.k8s.io");
            await socket.SendAsync((byte[])[1, (byte)'x'], WebSocketMessageType.Binary, true, context.RequestAborted);
            await arrived.Task;
            context.Abort();
        });
        using var client = server.Connect();
        var stdout = new Pipe();
        var run = client.ExecAsync("shop", "web", null, ["ls"], stdout.Writer.AsStream(), Stream.Null, Cancellation);
        await stdout.Reader.ReadAsync(Cancellation);
        arrived.SetResult();
        var error = await Assert.ThrowsAsync<HttpRequestException>(() => run);
        Assert.Contains("before the command ended", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(403, 3)]
    [InlineData(401, 3)]
    [InlineData(500, 3)]
    [InlineData(500, 0)]
    [InlineData(503, 0)]
    [InlineData(429, 0)]
    public async Task A_command_that_a_server_which_starts_or_is_busy_does_not_let_begin_is_asked_for_again(int status, int notReady)
    {
        var turn = 0;
        var refusals = Math.Max(notReady, 1);
        await using var server = await TestServer.StartAsync(context => turn++ < refusals ? TestServer.Status(status, "Reason", "not now")(context) : ServeAsync(context, (1, "done"), (3, Success)));
        server.NotReady = notReady;
        using var client = server.Connect();
        using var stdout = new MemoryStream();
        Assert.Equal(0, await client.ExecAsync("shop", "web", null, ["ls"], stdout, Stream.Null, Cancellation));
        Assert.Equal(("done", refusals + 1), (Text(stdout), server.Requests.Count));
    }

    [Fact]
    public async Task A_command_waits_for_a_server_that_is_away()
    {
        var time = new ManualTimeProvider();
        var away = await ServeAsync((3, Success));
        await away.DisposeAsync();
        using var client = away.Connect(new ApiClientOptions { Time = time, MaxRetries = 0 });
        var run = client.ExecAsync("shop", "web", null, ["ls"], Stream.Null, Stream.Null, Cancellation);
        await Eventually.HoldsAsync(() => time.PendingTimers > 0 || run.IsCompleted, "the wait for the server");
        await using var server = await TestServer.StartAsync(context => ServeAsync(context, (3, Success)), port: away.Address.Port);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, await run);
        Assert.Single(server.Requests);
    }

    [Theory]
    [InlineData(403)]
    [InlineData(500)]
    [InlineData(404)]
    public async Task A_refusal_of_a_server_that_is_ready_counts(int status)
    {
        await using var server = await TestServer.StartAsync(TestServer.Status(status, "Reason", "no"));
        using var client = server.Connect();
        var error = await Assert.ThrowsAsync<ApiException>(() => client.ExecAsync("shop", "web", null, ["ls"], Stream.Null, Stream.Null, Cancellation));
        Assert.Equal((HttpStatusCode)status, error.StatusCode);
        // The first may be that of a server that has become ready since.
        Assert.Equal(status == 404 ? 1 : 2, server.Requests.Count);
    }

    [Fact]
    public async Task Who_gives_up_waiting_learns_what_the_server_said_last()
    {
        var time = new ManualTimeProvider();
        await using var server = await TestServer.StartAsync(TestServer.Status(503, "ServiceUnavailable", "down"));
        using var client = server.Connect(new ApiClientOptions { Time = time });
        using var cancel = new CancellationTokenSource();
        var run = client.ExecAsync("shop", "web", null, ["ls"], Stream.Null, Stream.Null, cancel.Token);
        await Eventually.HoldsAsync(() => time.PendingTimers > 0, "the wait for the server");
        await cancel.CancelAsync();
        var ended = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, Assert.IsType<ApiException>(ended.InnerException).StatusCode);
    }

    [Fact]
    public async Task A_command_that_may_have_begun_is_not_started_again()
    {
        await using var server = await TestServer.StartAsync(TestServer.Drop, context => ServeAsync(context, (1, "half")), context => ServeAsync(context, (3, Success)));
        using var client = server.Connect();
        for (var turn = 1; turn <= 2; turn++)
        {
            await Assert.ThrowsAsync<HttpRequestException>(() => client.ExecAsync("shop", "web", null, ["ls"], Stream.Null, Stream.Null, Cancellation));
            Assert.Equal(turn, server.Requests.Count);
        }
    }

    private static string Text(MemoryStream stream) => Encoding.UTF8.GetString(stream.ToArray());

    private static Task<TestServer> ServeAsync(params (byte Channel, string Text)[] messages) => TestServer.StartAsync((HttpContext context) => ServeAsync(context, messages));

    private static async Task ServeAsync(HttpContext context, params (byte Channel, string Text)[] messages)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync("v4.channel.k8s.io");
        foreach (var (channel, text) in messages)
            await socket.SendAsync((byte[])[channel, .. Encoding.UTF8.GetBytes(text)], WebSocketMessageType.Binary, true, context.RequestAborted);
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
    }
}
