using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Events;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Events;

public sealed class PhaseEventTests
{
    private const string EventPath = "/api/v1/namespaces/velero/events";

    [Fact]
    public async Task Each_end_of_a_backup_and_a_restore_is_told_once()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("good", """{"includedNamespaces":["shop"]}""");
        await cluster.BackUpAsync("invalid", """{"storageLocation":"missing"}""");
        await cluster.RestoreAsync("back", """{"backupName":"good","namespaceMapping":{"shop":"shop-2"}}""");
        await cluster.RestoreAsync("nothing", """{"backupName":"absent"}""");
        cluster.AgentOutcome = PodVolumePhase.Failed;
        await cluster.BackUpAsync("poor", """{"includedNamespaces":["shop"]}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(KubernetesResources.Events).Count >= 5);

        var good = Event(cluster, "Backup", "good");
        Assert.Equal(("Normal", "Completed"), (good.Text("type"), good.Text("reason")));
        Assert.Matches("^the backup is complete: [1-9][0-9]* objects, 0 warnings, 0 errors$", good.Text("message"));
        Assert.Equal(cluster.Api.Find(VeleroResources.Backups, "velero", "good")!.Uid(), good.Text("involvedObject", "uid"));
        Assert.Equal("velero.io/v1", good.Text("involvedObject", "apiVersion"));
        Assert.Equal("nodeagent-controller", good.Text("source", "component"));
        var invalid = Event(cluster, "Backup", "invalid");
        Assert.Equal(("Warning", "FailedValidation"), (invalid.Text("type"), invalid.Text("reason")));
        Assert.Contains("missing", invalid.Text("message"), StringComparison.Ordinal);
        Assert.Equal("Completed", Event(cluster, "Restore", "back").Text("reason"));
        Assert.Contains("\"absent\" does not exist", Event(cluster, "Restore", "nothing").Text("message"), StringComparison.Ordinal);
        var poor = Event(cluster, "Backup", "poor");
        Assert.Equal(("Warning", "PartiallyFailed"), (poor.Text("type"), poor.Text("reason")));
        Assert.Contains("1 error; \"nodeagent backup describe poor --details\" lists them", poor.Text("message"), StringComparison.Ordinal);

        // Looked at again and again, nothing is said twice; nor by a controller that starts anew.
        using var client = new ApiClient(cluster.Api.Config);
        var anew = new PhaseEvents(new EventWriter(new ClusterClient(client), TimeProvider.System, NullLogger.Instance), TimeProvider.System);
        foreach (var kind in new[] { VeleroResources.Backups, VeleroResources.Restores, VeleroResources.BackupStorageLocations })
        {
            foreach (var item in cluster.Api.All(kind)) await anew.ObserveAsync(kind, item, TestContext.Current.CancellationToken);
        }

        foreach (var name in new[] { "good", "invalid", "poor" }) cluster.Api.Patch(VeleroResources.Backups, "velero", name, """{"metadata":{"labels":{"touched":"yes"}}}""");
        await cluster.RestoreAsync("last", """{"backupName":"good","namespaceMapping":{"shop":"shop-3"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(KubernetesResources.Events).Any(e => e.Text("involvedObject", "name") == "last"));
        // The volume that the last one could not restore is told on the pod.
        Assert.Equal(6, cluster.Api.All(KubernetesResources.Events).Count(e => e.Text("involvedObject", "kind") != "Pod"));
        Assert.All(cluster.Api.All(KubernetesResources.Events), e => Assert.Equal(1, e.Number("count")));
    }

    [Fact]
    public async Task A_schedule_that_is_not_valid_is_told_once_for_each_reason()
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { ResyncPeriod = TimeSpan.FromMilliseconds(200) });
        cluster.Api.Add(VeleroResources.Schedules, """{"metadata":{"name":"s","namespace":"velero"},"spec":{"schedule":"whenever","template":{}}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(KubernetesResources.Events).Count == 1);
        Assert.Contains("five are needed", Event(cluster, "Schedule", "s").Text("message"), StringComparison.Ordinal);
        cluster.Api.Patch(VeleroResources.Schedules, "velero", "s", """{"spec":{"schedule":"0 0 30 2 *"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(KubernetesResources.Events).Count == 2);
        Assert.Contains(cluster.Api.All(KubernetesResources.Events), e => e.Text("message")!.Contains("never comes", StringComparison.Ordinal));
        await Task.Delay(600, TestContext.Current.CancellationToken);
        Assert.Equal(2, cluster.Api.All(KubernetesResources.Events).Count);
    }

    [Fact]
    public async Task A_location_that_comes_and_goes_is_told_each_time_and_counted()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
        for (var i = 1; i <= 2; i++)
        {
            var times = i;
            cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"provider":"unheard-of"}}""");
            await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Unavailable);
            await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(KubernetesResources.Events).SingleOrDefault().Number("count") == times);
            cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"provider":"filesystem"}}""");
            await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
            // What is seen of two changes in a row is the last: the second loss must come after the return was seen.
            await Task.Delay(500, TestContext.Current.CancellationToken);
        }

        var told = Event(cluster, "BackupStorageLocation", "default");
        Assert.Equal(("Warning", "Unavailable"), (told.Text("type"), told.Text("reason")));
        Assert.Contains("unheard-of", told.Text("message"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_ended_long_ago_or_came_from_a_location_is_not_told()
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        cluster.Api.Add(VeleroResources.Restores, """{"metadata":{"name":"old","namespace":"velero"},"spec":{"backupName":"b"},"status":{"phase":"Completed","completionTimestamp":"2020-01-01T00:00:00Z"}}""");
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"synced","namespace":"velero","annotations":{"nodeagent.io/synced-from":"default"}},"spec":{"storageLocation":"other"},"status":{"phase":"Completed"}}""");
        cluster.StartController();
        await cluster.BackUpAsync("now", """{"includedNamespaces":["shop"]}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(KubernetesResources.Events).Count > 0);
        Assert.Equal("now", Assert.Single(cluster.Api.All(KubernetesResources.Events)).Text("involvedObject", "name"));
    }

    [Fact]
    public async Task A_server_that_takes_no_events_holds_nothing_up_and_is_told_later()
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { ResyncPeriod = TimeSpan.FromMilliseconds(200) });
        cluster.Api.Interfere = r => r.Method == "POST" && r.Path == EventPath ? (HttpStatusCode.Forbidden, "Forbidden") : null;
        Assert.Equal(BackupPhase.Completed, (await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""")).Text("status", "phase"));
        Assert.Empty(cluster.Api.All(KubernetesResources.Events));
        cluster.Api.Interfere = null;
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(KubernetesResources.Events).Count == 1);
    }

    [Fact]
    public async Task No_more_than_the_events_of_a_minute_are_written_and_long_messages_are_cut()
    {
        await using var api = await TestApiServer.StartAsync();
        api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"velero"}}""");
        using var client = new ApiClient(api.Config);
        var time = new ManualTime();
        var writer = new EventWriter(new ClusterClient(client), time, NullLogger.Instance);
        Task WriteAsync(int i) => writer.WriteAsync(
            (JsonObject)JsonNode.Parse($$$"""{"metadata":{"name":"{{{new string('x', 240)}}}{{{i}}}","namespace":"velero","uid":"{{{i}}}"}}""")!, "velero.io/v1", "Backup", true, "Failed", new string('m', 5000), again: true, TestContext.Current.CancellationToken);
        for (var i = 0; i < EventWriter.MaxPerMinute + 20; i++) await WriteAsync(i);
        Assert.Equal(EventWriter.MaxPerMinute, api.All(KubernetesResources.Events).Count);
        Assert.All(api.All(KubernetesResources.Events), e => Assert.Equal(1024, e.Text("message")!.Length));
        Assert.All(api.All(KubernetesResources.Events), e => Assert.InRange(e.Name().Length, 1, 253));
        time.Advance(TimeSpan.FromSeconds(61));
        await WriteAsync(1000);
        Assert.Equal(EventWriter.MaxPerMinute + 1, api.All(KubernetesResources.Events).Count);
    }

    private static JsonObject Event(ControllerFixture cluster, string kind, string name) =>
        Assert.Single(cluster.Api.All(KubernetesResources.Events), e => e.Text("involvedObject", "kind") == kind && e.Text("involvedObject", "name") == name);
}
