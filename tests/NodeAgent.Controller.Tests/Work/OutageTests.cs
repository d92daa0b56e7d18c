using System.Net;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Work;

public sealed class OutageTests
{
    // The client itself repeats a request for at most 3.75 s, and when it has given up, a run asks whether the server is well, which is repeated as long.
    private static readonly TimeSpan LongerThanTheClientTries = TimeSpan.FromSeconds(12);

    [Fact]
    public async Task A_backup_outlives_a_server_that_refuses_connections_for_a_while()
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        await using var connection = new SeverableConnection(cluster.Api.Address);
        cluster.AgentOutcome = null;
        cluster.AddShop();
        cluster.StartController(connection.Config);
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"b","namespace":"velero"},"spec":{"includedNamespaces":["shop"]}}""");
        // All objects are taken; the volume keeps the backup from ending.
        await cluster.WaitAsync(VeleroResources.Backups, "b", b => b.Number("status", "progress", "totalItems") is > 3 and var total && b.Number("status", "progress", "itemsBackedUp") == total);
        await connection.CutAsync();
        await Task.Delay(LongerThanTheClientTries, TestContext.Current.CancellationToken);
        // The agents, which have another way to the server, end their work in the meantime.
        cluster.AgentOutcome = PodVolumePhase.Completed;
        connection.Mend();
        var backup = await cluster.WaitForEndAsync(VeleroResources.Backups, "b");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal(PodVolumePhase.Completed, Assert.Single(cluster.Api.All(VeleroResources.PodVolumeBackups)).Text("status", "phase"));
        Assert.Contains("waited out", BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-logs.gz"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_restore_outlives_a_server_that_refuses_connections_for_a_while()
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        await using var connection = new SeverableConnection(cluster.Api.Address);
        cluster.AddShop();
        cluster.StartController(connection.Config);
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.AgentOutcome = null;
        cluster.Api.Add(VeleroResources.Restores, """{"metadata":{"name":"r","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.PodVolumeRestores).Count == 1);
        // The rest of the objects takes some requests more; the volume keeps the restore from ending.
        await Task.Delay(TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken);
        await connection.CutAsync();
        await Task.Delay(LongerThanTheClientTries, TestContext.Current.CancellationToken);
        cluster.AgentOutcome = PodVolumePhase.Completed;
        connection.Mend();
        var restore = await cluster.WaitForEndAsync(VeleroResources.Restores, "r");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
    }

    [Theory]
    [InlineData("Backup", "Failed", true)]
    [InlineData("Backup", "PartiallyFailed", true)]
    [InlineData("Restore", "Failed", true)]
    [InlineData("Restore", "PartiallyFailed", true)]
    [InlineData("Other", "Failed", false)]
    public async Task Volumes_that_an_ended_run_left_are_cancelled(string kind, string phase, bool cancelled)
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        cluster.AgentOutcome = null;
        var (runs, work, label) = kind == "Restore"
            ? (VeleroResources.Restores, VeleroResources.PodVolumeRestores, VeleroLabels.RestoreUid)
            : (VeleroResources.Backups, VeleroResources.PodVolumeBackups, VeleroLabels.BackupUid);
        cluster.Api.Add(runs, $$$"""{"metadata":{"name":"ended","namespace":"velero","uid":"uid-1"},"spec":{},"status":{"phase":"{{{phase}}}"} }""");
        cluster.Api.Add(work, $$$"""{"metadata":{"name":"left","namespace":"velero","labels":{"{{{label}}}":"{{{(kind == "Other" ? "uid-2" : "uid-1")}}}"} },"spec":{},"status":{"phase":"InProgress"} }""");
        if (kind == "Other") cluster.Api.Add(runs, """{"metadata":{"name":"others","namespace":"velero","uid":"uid-2"},"spec":{},"status":{"phase":"Completed"}}""");
        cluster.StartController();
        if (cancelled)
        {
            await cluster.WaitForPhaseAsync(work, "left", PodVolumePhase.Canceled);
            return;
        }

        // Somebody else's work is let alone. The later backup is looked at after the first one.
        cluster.Api.Add(runs, """{"metadata":{"name":"later","namespace":"velero","uid":"uid-3"},"spec":{},"status":{"phase":"Failed"}}""");
        cluster.Api.Add(work, """{"metadata":{"name":"later-x","namespace":"velero","labels":{"velero.io/backup-uid":"uid-3"}},"spec":{},"status":{"phase":"InProgress"}}""");
        await cluster.WaitForPhaseAsync(work, "later-x", PodVolumePhase.Canceled);
        Assert.Equal("InProgress", cluster.Api.Find(work, "velero", "left").Text("status", "phase"));
    }

    [Theory]
    [InlineData(429, true)]
    [InlineData(500, true)]
    [InlineData(503, true)]
    [InlineData(403, false)]
    [InlineData(404, false)]
    [InlineData(409, false)]
    public void What_a_server_refuses_for_good_is_no_outage(int status, bool outage) =>
        Assert.Equal(outage, Outage.IsCauseOf(new ApiException((HttpStatusCode)status, "", "")));

    [Fact]
    public async Task Patience_ends()
    {
        var calls = 0;
        Task<int> Fail()
        {
            calls++;
            throw new HttpRequestException("away");
        }

        await Assert.ThrowsAsync<HttpRequestException>(() => Outage.OutlastAsync(Fail, TimeSpan.FromMilliseconds(500), TimeProvider.System, null, TestContext.Current.CancellationToken));
        Assert.Equal(2, calls);
    }
}
