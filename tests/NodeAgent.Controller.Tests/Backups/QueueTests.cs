using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Backups;

public sealed class QueueTests
{
    [Fact]
    public async Task Backups_that_wait_are_numbered_and_start_in_the_order_in_which_they_were_made()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AgentOutcome = null;
        cluster.AddShop();
        Add(cluster, "running", "2020-01-01T00:00:09Z");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.PodVolumeBackups).Count == 1);
        Add(cluster, "third", "2020-01-01T00:00:03Z");
        Add(cluster, "second", "2020-01-01T00:00:02Z");
        Add(cluster, "first", "2020-01-01T00:00:01Z");
        string[] order = ["first", "second", "third"];
        for (var i = 0; i < order.Length; i++)
        {
            var place = i + 1;
            await cluster.WaitAsync(VeleroResources.Backups, order[i], b => b.Text("status", "phase") == BackupPhase.Queued && b.Number("status", "queuePosition") == place);
        }

        // One that is deleted makes room.
        cluster.Api.Remove(VeleroResources.Backups, "velero", "second");
        cluster.AgentOutcome = PodVolumePhase.Completed;
        var (first, third) = (await cluster.WaitForEndAsync(VeleroResources.Backups, "first"), await EndAsync(cluster, "third"));
        Assert.Equal((BackupPhase.Completed, BackupPhase.Completed), (first.Text("status", "phase"), third.Text("status", "phase")));
        Assert.True(string.CompareOrdinal(first.Text("status", "startTimestamp"), third.Text("status", "startTimestamp")) <= 0);
        Assert.Null(third.At("status", "queuePosition"));
    }

    [Fact]
    public void Who_does_not_tell_of_itself_any_more_holds_up_nobody()
    {
        var time = new ManualTime();
        var queue = new NodeAgent.Controller.Backups.BackupQueue(time);
        Assert.Equal(1, queue.Join(Backup("gone", 1)));
        Assert.Equal(2, queue.Join(Backup("there", 2)));
        time.Advance(TimeSpan.FromSeconds(7));
        Assert.Equal(2, queue.Join(Backup("there", 2)));
        time.Advance(TimeSpan.FromSeconds(7));
        Assert.Equal(1, queue.Join(Backup("there", 2)));
        Assert.Equal(1, queue.Join(Backup("gone", 1)));
        queue.Leave("gone");
        Assert.Equal(1, queue.Join(Backup("there", 2)));
    }

    private static System.Text.Json.Nodes.JsonObject Backup(string name, int second) =>
        (System.Text.Json.Nodes.JsonObject)System.Text.Json.Nodes.JsonNode.Parse($$"""{"metadata":{"name":"{{name}}","uid":"{{name}}","creationTimestamp":"2020-01-01T00:00:0{{second}}Z"} }""")!;

    private static void Add(ControllerFixture cluster, string name, string created) =>
        cluster.Api.Add(VeleroResources.Backups, $$"""{"metadata":{"name":"{{name}}","namespace":"velero","creationTimestamp":"{{created}}"},"spec":{"includedNamespaces":["shop"]} }""");

    /// <summary>As the fixture's, and for as long again: a place that nobody claims is given away after ten seconds.</summary>
    private static async Task<System.Text.Json.Nodes.JsonObject> EndAsync(ControllerFixture cluster, string name)
    {
        for (var i = 0; i < 3000 && cluster.Api.Find(VeleroResources.Backups, "velero", name).Text("status", "phase") is not BackupPhase.Completed; i++) await Task.Delay(20, TestContext.Current.CancellationToken);
        return cluster.Api.Find(VeleroResources.Backups, "velero", name)!;
    }
}
