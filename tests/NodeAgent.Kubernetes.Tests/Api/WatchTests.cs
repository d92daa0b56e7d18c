using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Kubernetes.Tests.Api;

public sealed class WatchTests
{
    private static readonly ResourceKind Pods = KubernetesResources.Pods;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Events_come_one_by_one_with_the_version_that_they_reach()
    {
        await using var server = await TestServer.StartAsync(TestServer.Lines(
            TestObjects.Event("ADDED", TestObjects.Pod("a", 5)), "", TestObjects.Event("MODIFIED", TestObjects.Pod("a", 6)), TestObjects.Bookmark(8),
            """{"object":{"metadata":{"name":"a","resourceVersion":"9"}},"type":"DELETED"}"""));
        using var client = server.Connect();
        var events = await ReadAsync(client, new WatchOptions { ResourceVersion = "4", LabelSelector = "x=y", Timeout = TimeSpan.FromSeconds(90) });
        Assert.Equal(
            [(WatchEventType.Added, "a", "5"), (WatchEventType.Modified, "a", "6"), (WatchEventType.Bookmark, null, "8"), (WatchEventType.Deleted, "a", "9")],
            events.Select(e => (e.Type, e.Item?.Name, e.ResourceVersion)));
        Assert.Equal("?watch=true&allowWatchBookmarks=true&labelSelector=x%3Dy&resourceVersion=4&timeoutSeconds=90", Assert.Single(server.Requests).Query);
    }

    [Fact]
    public async Task An_event_arrives_while_the_watch_is_open()
    {
        await using var server = await TestServer.StartAsync(TestServer.LinesThenSilence(TestObjects.Event("ADDED", TestObjects.Pod("a", 5))));
        using var client = server.Connect();
        await foreach (var change in client.WatchAsync(Pods, "shop", new WatchOptions(), KubernetesJsonContext.Default.KubernetesObject, Cancellation))
        {
            Assert.Equal("a", change.Item!.Name);
            return;
        }

        Assert.Fail("the watch ended without an event");
    }

    [Fact]
    public async Task An_event_larger_than_any_buffer_is_read_whole()
    {
        var filler = new string('x', 3_000_000);
        await using var server = await TestServer.StartAsync(TestServer.Lines(
            $$$"""{"type":"ADDED","object":{"metadata":{"name":"big","resourceVersion":"5"},"filler":"{{{filler}}}"}}""", TestObjects.Bookmark(6)));
        using var client = server.Connect();
        var events = await ReadAsync(client, new WatchOptions());
        Assert.Equal(filler, (string?)events[0].Item!.Json["filler"]);
        Assert.Equal("6", events[1].ResourceVersion);
    }

    [Fact]
    public async Task An_error_event_is_thrown_as_what_it_is()
    {
        await using var server = await TestServer.StartAsync(TestServer.Lines(TestObjects.Expired));
        using var client = server.Connect();
        var error = await Assert.ThrowsAsync<ApiException>(() => ReadAsync(client, new WatchOptions()));
        Assert.True(error.IsGone);
        Assert.Equal("GET api/v1/namespaces/shop/pods: 410 Expired: too old resource version: 5 (90)", error.Message);
    }

    [Theory]
    [InlineData("""{"type":"ADDED","object":{"metadata":{"na""")]
    [InlineData("""{"type":"ADDED"}""")]
    [InlineData("""{"type":"ADDED","object":7}""")]
    [InlineData("""{"type":"GROWN","object":{}}""")]
    [InlineData("""{"type":7,"object":{}}""")]
    [InlineData("""{"object":{}}""")]
    [InlineData("<html>")]
    [InlineData("[]")]
    public async Task A_line_that_is_no_event_says_so(string line)
    {
        await using var server = await TestServer.StartAsync(TestServer.Lines(line));
        using var client = server.Connect();
        var error = await Assert.ThrowsAsync<HttpRequestException>(() => ReadAsync(client, new WatchOptions()));
        Assert.Equal(HttpRequestError.InvalidResponse, error.HttpRequestError);
        Assert.Contains("the watch sent no valid event", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_watch_that_breaks_off_is_a_failure_and_what_came_before_it_is_not_lost()
    {
        var arrived = new TaskCompletionSource();
        await using var server = await TestServer.StartAsync(async context =>
        {
            await TestServer.SendLineAsync(context, TestObjects.Event("ADDED", TestObjects.Pod("a", 5)));
            await arrived.Task;
            context.Abort();
        });
        using var client = server.Connect();
        var seen = new List<string>();
        await Assert.ThrowsAsync<HttpRequestException>(async () =>
        {
            await foreach (var change in client.WatchAsync(Pods, "shop", new WatchOptions(), KubernetesJsonContext.Default.KubernetesObject, Cancellation))
            {
                seen.Add(change.Item!.Name);
                arrived.SetResult();
            }
        });
        Assert.Equal(["a"], seen);
    }

    [Fact]
    public async Task An_object_that_does_not_fit_its_type_comes_as_json_and_the_watch_goes_on()
    {
        await using var server = await TestServer.StartAsync(TestServer.Lines(
            """{"type":"ADDED","object":{"metadata":{"name":"bad","resourceVersion":"5"},"spec":"none"}}""",
            """{"type":"ADDED","object":{"metadata":{"name":"good","resourceVersion":"6"}}}"""));
        using var client = server.Connect();
        var events = new List<WatchEvent<Backup>>();
        await foreach (var change in client.WatchAsync(VeleroResources.Backups, null, new WatchOptions(), VeleroJsonContext.Default.Backup, Cancellation)) events.Add(change);
        Assert.Equal(("bad", "5"), (events[0].Malformed!.Item.Name, events[0].ResourceVersion));
        Assert.Equal("good", events[1].Item!.Metadata.Name);
    }

    private static async Task<List<WatchEvent<KubernetesObject>>> ReadAsync(ApiClient client, WatchOptions options)
    {
        var events = new List<WatchEvent<KubernetesObject>>();
        await foreach (var change in client.WatchAsync(Pods, "shop", options, KubernetesJsonContext.Default.KubernetesObject, Cancellation)) events.Add(change);
        return events;
    }
}
