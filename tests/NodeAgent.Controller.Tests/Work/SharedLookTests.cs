using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Tests;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Work;

public sealed class SharedLookTests : IDisposable
{
    private const int Waits = 100;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("shared-look-");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task However_many_wait_for_volumes_the_server_is_asked_once_in_each_poll_interval()
    {
        await using var api = await TestApiServer.StartAsync();
        var lists = 0;
        api.Interfere = request =>
        {
            if (HttpMethods.IsGet(request.Method) && request.Path.Value!.EndsWith("/podvolumebackups", StringComparison.Ordinal) && !request.Query.ContainsKey("continue")) Interlocked.Increment(ref lists);
            return null;
        };
        for (var i = 0; i < Waits; i++) api.Add(VeleroResources.PodVolumeBackups, Named(i, "InProgress"));
        // A clock of its own, so that it is certain how many intervals go by.
        var time = new ManualTimeProvider();
        using var client = new ApiClient(api.Config);
        var cluster = new ClusterClient(client);
        var options = new ControllerOptions { PollInterval = TimeSpan.FromSeconds(1) };
        using var log = new RunLog(_directory.FullName, "backup=velero/b", TimeProvider.System);
        var work = new PodVolumeWork(cluster, options, time);
        var agents = new AgentDirectory(cluster, options, TimeProvider.System);
        var waits = Enumerable.Range(0, Waits).Select(i => work.WaitAsync(VeleroResources.PodVolumeBackups, "run=b", [$"v{i}"], Limit, agents, log, Cancellation)).ToList();
        await ControllerFixture.WaitUntilAsync(() => time.PendingTimers >= Waits);
        var atFirst = Volatile.Read(ref lists);
        Assert.Equal(1, atFirst);

        time.Advance(options.PollInterval);
        await ControllerFixture.WaitUntilAsync(() => time.PendingTimers >= Waits);
        Assert.Equal(atFirst + 1, Volatile.Read(ref lists));

        for (var i = 0; i < Waits; i++) api.Patch(VeleroResources.PodVolumeBackups, "velero", $"v{i}", """{"status":{"phase":"Completed"}}""");
        time.Advance(options.PollInterval);
        foreach (var (found, i) in (await Task.WhenAll(waits)).Select((found, i) => (found, i))) Assert.Equal(PodVolumePhase.Completed, Assert.Single(found, f => f.Key == $"v{i}").Value.Text("status", "phase"));
        Assert.Equal(atFirst + 2, Volatile.Read(ref lists));
    }

    [Fact]
    public async Task What_was_made_after_the_last_look_is_looked_for_anew()
    {
        await using var api = await TestApiServer.StartAsync();
        using var client = new ApiClient(api.Config);
        var cluster = new ClusterClient(client);
        var options = new ControllerOptions();
        using var log = new RunLog(_directory.FullName, "backup=velero/b", TimeProvider.System);
        var work = new PodVolumeWork(cluster, options, TimeProvider.System);
        var agents = new AgentDirectory(cluster, options, TimeProvider.System);
        for (var i = 0; i < 20; i++)
        {
            api.Add(VeleroResources.PodVolumeBackups, Named(i, "Completed"));
            Assert.Single(await work.WaitAsync(VeleroResources.PodVolumeBackups, "run=b", [$"v{i}"], Limit, agents, log, Cancellation));
        }
    }

    [Fact]
    public async Task The_store_is_asked_only_for_what_the_server_does_not_remember()
    {
        await using var api = await TestApiServer.StartAsync();
        var lists = new ConcurrentQueue<string>();
        api.Interfere = request =>
        {
            if (HttpMethods.IsGet(request.Method) && request.Path.Value!.EndsWith("/podvolumebackups", StringComparison.Ordinal)) lists.Enqueue(request.Query["resourceVersion"].ToString());
            return null;
        };
        for (var i = 0; i < 3; i++) api.Add(VeleroResources.PodVolumeBackups, Named(i, "InProgress"));
        api.NotRemembered["v1"] = true;
        var time = new ManualTimeProvider();
        using var client = new ApiClient(api.Config);
        var cluster = new ClusterClient(client);
        var options = new ControllerOptions { PollInterval = TimeSpan.FromSeconds(1) };
        using var log = new RunLog(_directory.FullName, "backup=velero/b", TimeProvider.System);
        var work = new PodVolumeWork(cluster, options, time);
        var agents = new AgentDirectory(cluster, options, TimeProvider.System);
        var wait = work.WaitAsync(VeleroResources.PodVolumeBackups, "run=b", ["v0", "v1", "v2", "never-made"], Limit, agents, log, Cancellation);
        await ControllerFixture.WaitUntilAsync(() => time.PendingTimers >= 1);
        // One that was made just now is not taken for one that is gone.
        Assert.Equal(["0", ""], lists);

        api.NotRemembered.Clear();
        for (var i = 0; i < 3; i++)
        {
            time.Advance(options.PollInterval);
            await ControllerFixture.WaitUntilAsync(() => lists.Count >= 3 + i && time.PendingTimers >= 1);
        }

        // What is known to be gone is not asked for again.
        Assert.Equal(["0", "", "0", "0", "0"], lists);
        for (var i = 0; i < 3; i++) api.Patch(VeleroResources.PodVolumeBackups, "velero", $"v{i}", """{"status":{"phase":"Completed"}}""");
        time.Advance(options.PollInterval);
        Assert.Equal(["v0", "v1", "v2"], (await wait).Keys.Order(StringComparer.Ordinal));
        Assert.Equal(3, work.EndedOf(VeleroResources.PodVolumeBackups, "run=b").Count);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(20, 1)]
    [InlineData(100, 5)]
    [InlineData(14400, 10)]
    public void Who_waits_long_looks_seldom(int waited, int expected) =>
        Assert.Equal(TimeSpan.FromSeconds(expected), PollPace.After(TimeSpan.FromSeconds(waited), TimeSpan.FromSeconds(1)));

    private static string Named(int i, string phase) =>
        new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = $"v{i}", ["namespace"] = "velero", ["labels"] = new JsonObject { ["run"] = "b" } },
            ["spec"] = new JsonObject { ["node"] = "n1" },
            ["status"] = new JsonObject { ["phase"] = phase },
        }.ToJsonString();
}
