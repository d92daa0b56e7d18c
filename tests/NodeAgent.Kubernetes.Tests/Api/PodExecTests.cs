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

    private static string Text(MemoryStream stream) => Encoding.UTF8.GetString(stream.ToArray());

    private static Task<TestServer> ServeAsync(params (byte Channel, string Text)[] messages) => TestServer.StartAsync(async (HttpContext context) =>
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync("v4.channel.k8s.io");
        foreach (var (channel, text) in messages)
            await socket.SendAsync((byte[])[channel, .. Encoding.UTF8.GetBytes(text)], WebSocketMessageType.Binary, true, context.RequestAborted);
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
    });
}
