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

    private static string Named(int i, string phase) =>
        new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = $"v{i}", ["namespace"] = "velero", ["labels"] = new JsonObject { ["run"] = "b" } },
            ["spec"] = new JsonObject { ["node"] = "n1" },
            ["status"] = new JsonObject { ["phase"] = phase },
        }.ToJsonString();
}
