using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Backups;

public sealed class InterruptionTests
{
    [Fact]
    public async Task A_backup_that_is_deleted_while_its_volumes_run_ends_cancels_them_and_leaves_no_file()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AgentOutcome = null;
        cluster.AddShop();
        await BeginAsync(cluster);
        cluster.Api.Remove(VeleroResources.Backups, "velero", "b");
        await WaitForCancelledVolumeAsync(cluster);
        await ControllerFixture.WaitUntilAsync(() => !Directory.Exists(Path.Combine(cluster.LocationPath, "backups/b")));

        // Nothing of it stands in the way of another of that name.
        cluster.AgentOutcome = PodVolumePhase.Completed;
        var again = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.Completed, again.Text("status", "phase"));
    }

    [Fact]
    public async Task A_backup_that_is_cancelled_fails_with_the_reason_cancels_its_volumes_and_keeps_its_log_alone()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AgentOutcome = null;
        cluster.AddShop();
        await BeginAsync(cluster);
        cluster.Api.Patch(VeleroResources.Backups, "velero", "b", """{"metadata":{"annotations":{"nodeagent.io/cancel-requested":"wrong namespace"}}}""");
        var backup = await cluster.WaitForEndAsync(VeleroResources.Backups, "b");
        Assert.Equal((BackupPhase.Failed, "the backup was cancelled: wrong namespace"), (backup.Text("status", "phase"), backup.Text("status", "failureReason")));
        await WaitForCancelledVolumeAsync(cluster);
        Assert.Equal(["b-logs.gz", "b-results.gz"], Directory.GetFiles(Path.Combine(cluster.LocationPath, "backups/b")).Select(Path.GetFileName).Order());
        Assert.Contains("the backup failed: the backup was cancelled: wrong namespace", BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-logs.gz"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Asking_for_the_deletion_of_a_backup_in_progress_cancels_it_and_removes_all_of_it()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AgentOutcome = null;
        cluster.AddShop();
        await BeginAsync(cluster);
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.DeleteBackupRequests, "velero", "d") is null);
        Assert.Null(cluster.Api.Find(VeleroResources.Backups, "velero", "b"));
        Assert.Empty(cluster.Api.All(VeleroResources.PodVolumeBackups));
        Assert.False(Directory.Exists(Path.Combine(cluster.LocationPath, "backups/b")));
    }

    [Fact]
    public async Task A_backup_in_progress_whose_location_is_read_only_now_is_not_cancelled_for_a_deletion_that_cannot_be()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AgentOutcome = null;
        cluster.AddShop();
        await BeginAsync(cluster);
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"accessMode":"ReadOnly"}}""");
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await cluster.WaitForPhaseAsync(VeleroResources.DeleteBackupRequests, "d", DeleteBackupRequestPhase.Processed);
        cluster.AgentOutcome = PodVolumePhase.Completed;
        var backup = await cluster.WaitForEndAsync(VeleroResources.Backups, "b");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
    }

    [Fact]
    public async Task Volumes_of_a_backup_that_was_deleted_while_no_controller_ran_are_cancelled()
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        cluster.AgentOutcome = null;
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"there","namespace":"velero","uid":"uid-2"},"spec":{},"status":{"phase":"Completed"}}""");
        foreach (var uid in new[] { "uid-1", "uid-2" })
        {
            cluster.Api.Add(VeleroResources.PodVolumeBackups, $$$"""{"metadata":{"name":"of-{{{uid}}}","namespace":"velero","labels":{"velero.io/backup-uid":"{{{uid}}}"}},"spec":{},"status":{"phase":"InProgress"} }""");
        }

        cluster.StartController();
        await cluster.WaitForPhaseAsync(VeleroResources.PodVolumeBackups, "of-uid-1", PodVolumePhase.Canceled);
        Assert.Equal(PodVolumePhase.InProgress, cluster.Api.Find(VeleroResources.PodVolumeBackups, "velero", "of-uid-2").Text("status", "phase"));
    }

    [Fact]
    public async Task A_deletion_whose_request_was_lost_is_ended()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Patch(VeleroResources.Backups, "velero", "b", """{"status":{"phase":"Deleting"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", "b") is null);
        Assert.False(Directory.Exists(Path.Combine(cluster.LocationPath, "backups/b")));
    }

    [Theory]
    [InlineData(BackupPhase.Completed, BackupPhase.Completed)]
    [InlineData(BackupPhase.PartiallyFailed, BackupPhase.PartiallyFailed)]
    // These files were not complete yet.
    [InlineData(BackupPhase.Finalizing, BackupPhase.Failed)]
    public async Task A_backup_whose_controller_died_at_its_end_is_what_its_files_say(string stored, string phase)
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        var item = cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"b","namespace":"velero"},"spec":{"storageLocation":"default"},"status":{"phase":"Finalizing"}}""");
        item["status"] = new JsonObject { ["phase"] = stored, ["warnings"] = 7 };
        var metadata = Path.Combine(cluster.LocationPath, "backups/b/velero-backup.json");
        Directory.CreateDirectory(Path.GetDirectoryName(metadata)!);
        await File.WriteAllTextAsync(metadata, item.ToJsonString(), TestContext.Current.CancellationToken);
        cluster.StartController();
        var backup = await cluster.WaitForEndAsync(VeleroResources.Backups, "b");
        Assert.Equal(phase, backup.Text("status", "phase"));
        Assert.Equal(phase == BackupPhase.Failed ? 0 : 7, backup.Number("status", "warnings"));
        Assert.Equal(phase != BackupPhase.Failed, File.Exists(metadata));
    }

    private static async Task BeginAsync(ControllerFixture cluster)
    {
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"b","namespace":"velero"},"spec":{"includedNamespaces":["shop"]}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.PodVolumeBackups).Count == 1);
    }

    private static Task WaitForCancelledVolumeAsync(ControllerFixture cluster) =>
        ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.PodVolumeBackups) is [var volume] && volume.Text("status", "phase") == PodVolumePhase.Canceled);
}
