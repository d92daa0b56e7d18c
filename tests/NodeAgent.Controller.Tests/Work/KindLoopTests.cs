using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Work;

public sealed class KindLoopTests
{
    private static readonly TimeSpan Never = TimeSpan.FromDays(1);

    [Fact]
    public async Task All_objects_are_reconciled_as_they_are_whatever_their_shape_and_again_when_they_change()
    {
        await using var api = await TestApiServer.StartAsync();
        for (var i = 0; i < 7; i++) api.Add(VeleroResources.Schedules, $$"""{"metadata":{"name":"s{{i}}","namespace":"velero"},"spec":{"schedule":{{i}},"unknown":true} }""");
        var calls = new ConcurrentQueue<JsonObject>();
        var counts = new ConcurrentQueue<int>();
        await RunAsync(api, Never, names => counts.Enqueue(names.Count), item =>
        {
            calls.Enqueue((JsonObject)item.DeepClone());
            // What a reconciler does to its copy is no change of the object.
            item["spec"] = "mine";
            return null;
        }, async () =>
        {
            await UntilAsync(() => calls.Select(c => c.Name()).Distinct().Count() == 7 && !counts.IsEmpty);
            Assert.All(calls, c => Assert.True(c.IsTrue("spec", "unknown") && c.At("spec", "schedule") is not null, c.ToJsonString()));
            Assert.Equal(7, counts.First());
            api.Patch(VeleroResources.Schedules, "velero", "s3", """{"spec":{"schedule":"now"}}""");
            await UntilAsync(() => calls.Any(c => c.Name() == "s3" && c.Text("spec", "schedule") == "now"));
            api.Remove(VeleroResources.Schedules, "velero", "s3");
            api.Add(VeleroResources.Schedules, """{"metadata":{"name":"new","namespace":"velero"},"spec":{}}""");
            await UntilAsync(() => calls.Any(c => c.Name() == "new"));
        });
    }

    [Fact]
    public async Task An_object_is_looked_at_again_each_resync_and_when_its_reconciler_asks()
    {
        await using var api = await TestApiServer.StartAsync();
        api.Add(VeleroResources.Schedules, """{"metadata":{"name":"asks","namespace":"velero"}}""");
        api.Add(VeleroResources.Schedules, """{"metadata":{"name":"done","namespace":"velero"}}""");
        var calls = new ConcurrentQueue<string>();
        await RunAsync(api, Never, null, item =>
        {
            calls.Enqueue(item.Name());
            return item.Name() == "asks" ? TimeSpan.FromMilliseconds(20) : null;
        }, () => UntilAsync(() => calls.Count(c => c == "asks") >= 10));
        // Once for the change and at most once for the first resync.
        Assert.InRange(calls.Count(c => c == "done"), 1, 2);

        calls.Clear();
        await RunAsync(api, TimeSpan.FromMilliseconds(50), null, item =>
        {
            calls.Enqueue(item.Name());
            return null;
        }, () => UntilAsync(() => calls.Count(c => c == "done") >= 5));
    }

    [Fact]
    public async Task A_failing_object_is_tried_again_and_holds_up_no_other_and_calls_never_overlap()
    {
        await using var api = await TestApiServer.StartAsync();
        foreach (var name in new[] { "bad", "good" }) api.Add(VeleroResources.Schedules, $$"""{"metadata":{"name":"{{name}}","namespace":"velero"} }""");
        var calls = new ConcurrentDictionary<string, int>();
        var (running, most) = (0, 0);
        await RunAsync(api, Never, null, item =>
        {
            most = Math.Max(most, Interlocked.Increment(ref running));
            Thread.Sleep(5);
            Interlocked.Decrement(ref running);
            calls.AddOrUpdate(item.Name(), 1, (_, n) => n + 1);
            return item.Name() == "bad" ? throw new FormatException("as told") : TimeSpan.FromMilliseconds(1);
        }, () => UntilAsync(() => calls.GetValueOrDefault("bad") >= 2 && calls.GetValueOrDefault("good") >= 20));
        Assert.Equal(1, most);
    }

    private static async Task RunAsync(TestApiServer api, TimeSpan resync, Action<IReadOnlyCollection<string>>? listed, Func<JsonObject, TimeSpan?> reconcile, Func<Task> meanwhile)
    {
        using var client = new ApiClient(api.Config);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var loop = new KindLoop(client, VeleroResources.Schedules, new ControllerOptions { ResyncPeriod = resync }, (item, _) => Task.FromResult(reconcile(item)), NullLogger.Instance) { Listed = listed }
            .RunAsync(stop.Token);
        await meanwhile();
        Assert.False(loop.IsCompleted);
        await stop.CancelAsync();
        await loop.ContinueWith(static _ => { }, TaskScheduler.Default);
        Assert.False(loop.IsFaulted, loop.Exception?.ToString());
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        var deadline = DateTime.UtcNow.AddSeconds(20);
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < deadline, "it did not come about within 20 s");
            await Task.Delay(10);
        }
    }
}
