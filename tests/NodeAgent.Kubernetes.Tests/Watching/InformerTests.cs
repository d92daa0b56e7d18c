using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Kubernetes.Watching;

namespace NodeAgent.Kubernetes.Tests.Watching;

public sealed class InformerTests
{
    private static readonly ResourceKind Pods = KubernetesResources.Pods;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_lists_page_by_page_and_then_watches_from_the_version_of_the_list()
    {
        await using var server = await TestServer.StartAsync(
            TestServer.Json(TestObjects.List(10, "more", TestObjects.Pod("a", 1))),
            TestServer.Json(TestObjects.List(10, "", TestObjects.Pod("b", 2))),
            TestServer.LinesThenSilence(
                TestObjects.Event("ADDED", TestObjects.Pod("c", 11)), TestObjects.Event("MODIFIED", TestObjects.Pod("a", 12)), TestObjects.Event("DELETED", TestObjects.Pod("b", 13))));
        await using var run = new Run(server, new InformerOptions { Namespace = "shop", LabelSelector = "x=y", PageSize = 1 });
        await run.Informer.WaitForSyncAsync(Cancellation);
        Assert.True(run.Informer.HasSynced);
        await run.SawAsync("Added a@1", "Added b@2", "Added c@11", "Modified a@12 was a@1", "Deleted b@13 was b@2");
        Assert.Equal(["a", "c"], run.Informer.List().Select(p => p.Name).Order());
        Assert.Equal("12", run.Informer.Get("shop", "a")!.ResourceVersion);
        Assert.Null(run.Informer.Get("shop", "b"));
        var watch = server.Requests.Last();
        Assert.Equal("/api/v1/namespaces/shop/pods", watch.Path);
        Assert.Contains("&labelSelector=x%3Dy&resourceVersion=10&", watch.Query, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_watch_that_ends_or_breaks_goes_on_from_the_last_version_bookmarks_included()
    {
        await using var server = await TestServer.StartAsync(
            TestServer.Json(TestObjects.List(10, "", TestObjects.Pod("a", 1))),
            TestServer.Lines(TestObjects.Event("MODIFIED", TestObjects.Pod("a", 11))),
            TestServer.Lines(TestObjects.Bookmark(20)),
            TestServer.Drop,
            TestServer.Status(500, "InternalError", "oops"),
            TestServer.LinesThenSilence(TestObjects.Event("ADDED", TestObjects.Pod("b", 21))));
        await using var run = new Run(server, Quick);
        await run.SawAsync("Added a@1", "Modified a@11 was a@1", "Added b@21");
        Assert.Equal(["10", "11", "20", "20", "20"], server.Requests.Skip(1).Select(Version));
    }

    [Fact]
    public async Task When_its_version_has_expired_it_lists_again_and_tells_what_vanished_in_the_gap()
    {
        await using var server = await TestServer.StartAsync(
            TestServer.Json(TestObjects.List(10, "", TestObjects.Pod("a", 1), TestObjects.Pod("b", 2), TestObjects.Pod("c", 3, uid: "old"))),
            TestServer.Lines(TestObjects.Expired),
            TestServer.Json(TestObjects.List(90, "", TestObjects.Pod("a", 1), TestObjects.Pod("c", 80, uid: "new"), TestObjects.Pod("d", 81))),
            TestServer.LinesThenSilence());
        await using var run = new Run(server, Quick);
        await run.SawAsync("Added a@1", "Added b@2", "Added c@3", "Deleted b@2 was b@2", "Deleted c@3 was c@3", "Added c@80", "Added d@81");
        await Eventually.HoldsAsync(() => server.Requests.Count == 4, "the second watch");
        Assert.Equal("90", Version(server.Requests.Last()));
    }

    [Fact]
    public async Task A_version_that_the_server_refuses_with_410_at_once_leads_to_a_list_too()
    {
        await using var server = await TestServer.StartAsync(
            TestServer.Json(TestObjects.List(10, "", TestObjects.Pod("a", 1))),
            TestServer.Status(410, "Expired", "too old"),
            TestServer.Json(TestObjects.List(90, "")),
            TestServer.LinesThenSilence());
        await using var run = new Run(server, Quick);
        await run.SawAsync("Added a@1", "Deleted a@1 was a@1");
    }

    [Fact]
    public async Task A_connection_on_which_nothing_comes_any_more_is_replaced()
    {
        var time = new ManualTimeProvider();
        await using var server = await TestServer.StartAsync(
            TestServer.Json(TestObjects.List(10, "", TestObjects.Pod("a", 1))),
            TestServer.LinesThenSilence(TestObjects.Event("MODIFIED", TestObjects.Pod("a", 15))),
            TestServer.LinesThenSilence(TestObjects.Event("ADDED", TestObjects.Pod("b", 16))));
        await using var run = new Run(server, new InformerOptions { SilenceLimit = TimeSpan.FromMinutes(3) }, new ApiClientOptions { Time = time, RequestTimeout = TimeSpan.FromHours(1) });
        await run.SawAsync("Added a@1", "Modified a@15 was a@1");
        time.Advance(TimeSpan.FromSeconds(179));
        Assert.Equal(2, server.Requests.Count);
        time.Advance(TimeSpan.FromSeconds(1));
        await run.SawAsync("Added a@1", "Modified a@15 was a@1", "Added b@16");
        Assert.Equal("15", Version(server.Requests.Last()));
    }

    [Fact]
    public async Task Nothing_is_told_twice_when_the_server_sends_it_again()
    {
        await using var server = await TestServer.StartAsync(
            TestServer.Json(TestObjects.List(10, "", TestObjects.Pod("a", 1))),
            TestServer.LinesThenSilence(
                TestObjects.Event("ADDED", TestObjects.Pod("a", 1)), TestObjects.Event("DELETED", TestObjects.Pod("ghost", 11)), TestObjects.Event("ADDED", TestObjects.Pod("b", 12))));
        await using var run = new Run(server, Quick);
        await run.SawAsync("Added a@1", "Added b@12");
    }

    [Fact]
    public async Task A_list_that_fails_is_tried_again_until_it_succeeds()
    {
        await using var server = await TestServer.StartAsync(
            TestServer.Status(403, "Forbidden", "no"), TestServer.Drop, TestServer.Json("garbage"), TestServer.Status(500, "InternalError", "oops"),
            TestServer.Json(TestObjects.List(10, "", TestObjects.Pod("a", 1))), TestServer.LinesThenSilence());
        await using var run = new Run(server, Quick);
        await run.Informer.WaitForSyncAsync(Cancellation);
        await run.SawAsync("Added a@1");
    }

    [Fact]
    public async Task A_server_that_ends_each_watch_at_once_is_not_asked_in_a_tight_loop()
    {
        var time = new ManualTimeProvider();
        await using var server = await TestServer.StartAsync(TestServer.Json(TestObjects.List(10, "")), TestServer.Lines());
        await using var run = new Run(server, new InformerOptions { MinBackoff = TimeSpan.FromSeconds(1) }, new ApiClientOptions { Time = time });
        await Eventually.HoldsAsync(() => server.Requests.Count == 2 && time.PendingTimers == 1 && !time.IsPending(new ApiClientOptions().RequestTimeout), "the wait after the first watch");
        time.Advance(TimeSpan.FromSeconds(0.4));
        Assert.Equal(2, server.Requests.Count);
        time.Advance(TimeSpan.FromSeconds(0.7));
        await Eventually.HoldsAsync(() => server.Requests.Count == 3, "the second watch");
    }

    [Fact]
    public async Task Objects_are_found_by_index_as_they_change()
    {
        var change = new TaskCompletionSource();
        await using var server = await TestServer.StartAsync(
            TestServer.Json(TestObjects.List(10, "", TestObjects.Pod("a", 1, node: "n1"), TestObjects.Pod("b", 2, node: "n2"), TestObjects.Pod("c", 3, node: "n1"))),
            async context =>
            {
                await change.Task;
                await TestServer.LinesThenSilence(TestObjects.Event("MODIFIED", TestObjects.Pod("a", 11, node: "n2")), TestObjects.Event("DELETED", TestObjects.Pod("c", 12, node: "n1")))(context);
            });
        await using var run = new Run(server, Quick, index: p => [(string?)p.Spec?["nodeName"] ?? ""]);
        await run.Informer.WaitForSyncAsync(Cancellation);
        Assert.Equal(["a", "c"], Names("n1"));
        change.SetResult();
        await run.SawAsync("Added a@1", "Added b@2", "Added c@3", "Modified a@11 was a@1", "Deleted c@12 was c@3");
        Assert.Empty(Names("n1"));
        Assert.Equal(["a", "b"], Names("n2"));
        Assert.Throws<ArgumentException>(() => run.Informer.Find("color", "red"));

        IEnumerable<string> Names(string node) => run.Informer.Find("node", node).Select(p => p.Name).Order();
    }

    [Fact]
    public async Task A_handler_that_throws_does_not_stop_the_others()
    {
        await using var server = await TestServer.StartAsync(
            TestServer.Json(TestObjects.List(10, "", TestObjects.Pod("a", 1), TestObjects.Pod("b", 2))), TestServer.LinesThenSilence());
        await using var run = new Run(server, Quick, first: _ => throw new InvalidOperationException("on purpose"));
        await run.SawAsync("Added a@1", "Added b@2");
    }

    [Fact]
    public async Task A_type_is_cached_and_what_does_not_fit_it_is_told_apart()
    {
        var malformed = new ConcurrentQueue<MalformedObject>();
        await using var server = await TestServer.StartAsync(
            TestServer.Json("""{"metadata":{"resourceVersion":"3"},"items":[{"metadata":{"name":"good","namespace":"velero","resourceVersion":"1"}},{"metadata":{"name":"bad","namespace":"velero"},"spec":5}]}"""),
            TestServer.LinesThenSilence("""{"type":"MODIFIED","object":{"metadata":{"name":"good","namespace":"velero","resourceVersion":"4"},"spec":{"ttl":1}}}"""));
        using var client = server.Connect();
        using var stop = new CancellationTokenSource();
        var informer = Informer.Of(client, VeleroResources.Backups, VeleroJsonContext.Default.Backup, b => b.Metadata, new InformerOptions { OnMalformed = malformed.Enqueue });
        var running = informer.RunAsync(stop.Token);
        await informer.WaitForSyncAsync(Cancellation);
        await Eventually.HoldsAsync(() => malformed.Count == 2, "the second malformed object");
        Assert.Equal(["bad: spec", "good: spec.ttl"], malformed.Select(m => $"{m.Item.Name}: {m.Problem.Split(':')[0]}"));
        Assert.Null(informer.Get("velero", "good"));
        await stop.CancelAsync();
        await running;
    }

    [Fact]
    public async Task One_that_is_stopped_before_it_synced_leaves_nobody_waiting()
    {
        await using var server = await TestServer.StartAsync(TestServer.WaitForEndAsync);
        using var client = server.Connect();
        using var stop = new CancellationTokenSource();
        var informer = Informer.Of(client, Pods, new InformerOptions());
        var running = informer.RunAsync(stop.Token);
        var synced = informer.WaitForSyncAsync(Cancellation);
        await stop.CancelAsync();
        await running;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => synced);
        await Assert.ThrowsAsync<InvalidOperationException>(() => informer.RunAsync(Cancellation));
    }

    private static InformerOptions Quick => new() { MinBackoff = TimeSpan.FromMilliseconds(1), MaxBackoff = TimeSpan.FromMilliseconds(5) };

    private static string Version(RecordedRequest request) => QueryString(request, "resourceVersion");

    private static string QueryString(RecordedRequest request, string name) =>
        Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(request.Query).TryGetValue(name, out var value) ? value.ToString() : "";

    /// <summary>An informer that runs, and what it told.</summary>
    [Fact]
    public async Task What_is_not_wanted_is_dropped_while_it_is_read_and_what_is_wanted_no_more_is_told_as_deleted()
    {
        await using var server = await TestServer.StartAsync(
            TestServer.Json(TestObjects.List(10, "", TestObjects.Pod("a", 1), TestObjects.Pod("other-b", 2))),
            TestServer.Lines(
                TestObjects.Event("ADDED", TestObjects.Pod("other-c", 11)), TestObjects.Event("ADDED", TestObjects.Pod("d", 12)), TestObjects.Event("MODIFIED", TestObjects.Pod("a", 1300)),
                TestObjects.Event("DELETED", TestObjects.Pod("other-b", 14)), TestObjects.Expired),
            TestServer.Json(TestObjects.List(90, "", TestObjects.Pod("d", 80), TestObjects.Pod("other-c", 81))),
            TestServer.LinesThenSilence());
        // Versions of 1000 and above stand for objects that have ended.
        await using var run = new Run(server, Quick, keep: pod => !pod.Name.StartsWith("other", StringComparison.Ordinal) && pod.ResourceVersion.Length < 4);
        await run.SawAsync("Added a@1", "Added d@12", "Deleted a@1300 was a@1", "Modified d@80 was d@12");
        Assert.Equal(["d"], run.Informer.List().Select(p => p.Name));
    }

    private sealed class Run : IAsyncDisposable
    {
        private readonly ConcurrentQueue<string> _seen = new();
        private readonly CancellationTokenSource _stop = new();
        private readonly ApiClient _client;
        private readonly Task _running;

        public Run(
            TestServer server, InformerOptions options, ApiClientOptions? client = null, Func<KubernetesObject, IEnumerable<string>>? index = null,
            Action<InformerEvent<KubernetesObject>>? first = null, Func<KubernetesObject, bool>? keep = null)
        {
            _client = server.Connect(client ?? new ApiClientOptions { MaxRetries = 0 });
            Informer = NodeAgent.Kubernetes.Watching.Informer.Of(_client, Pods, options);
            if (first is not null) Informer.AddHandler(first);
            if (keep is not null) Informer.KeepOnly(keep);
            Informer.AddHandler(e => _seen.Enqueue(
                $"{e.Type} {e.Item.Name}@{e.Item.ResourceVersion}{(e.Previous is null ? "" : $" was {e.Previous.Name}@{e.Previous.ResourceVersion}")}"));
            if (index is not null) Informer.AddIndex("node", index);
            _running = Informer.RunAsync(_stop.Token);
        }

        public Informer<KubernetesObject> Informer { get; }

        public async Task SawAsync(params string[] events)
        {
            await Eventually.HoldsAsync(() => _seen.Count >= events.Length, $"event {events.Length} (so far: {string.Join("; ", _seen)})");
            Assert.Equal(events, _seen);
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _running;
            _stop.Dispose();
            _client.Dispose();
        }
    }
}
