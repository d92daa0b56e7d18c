using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Deletion;

public sealed class DeletionTests
{
    [Fact]
    public async Task Deleting_a_backup_removes_its_files_its_restores_and_its_objects()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("keep", """{"includedNamespaces":["shop"]}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"b"}}""");
        for (var i = 0; i < 500 && cluster.Api.Find(VeleroResources.DeleteBackupRequests, "velero", "d") is not null; i++) await Task.Delay(20, TestContext.Current.CancellationToken);
        Assert.Null(cluster.Api.Find(VeleroResources.DeleteBackupRequests, "velero", "d"));
        Assert.Null(cluster.Api.Find(VeleroResources.Backups, "velero", "b"));
        Assert.False(Directory.Exists(Path.Combine(cluster.LocationPath, "backups/b")));
        Assert.False(Directory.Exists(Path.Combine(cluster.LocationPath, "restores/r")));
        Assert.True(Directory.Exists(Path.Combine(cluster.LocationPath, "backups/keep")));
        Assert.Equal("keep", Assert.Single(cluster.Api.All(VeleroResources.PodVolumeBackups)).Label(VeleroLabels.BackupName));
    }

    [Theory]
    [InlineData("missing", "does not exist")]
    [InlineData("../../etc", "does not exist")]
    [InlineData("", "required")]
    public async Task A_request_that_cannot_be_met_says_why(string backup, string message)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, $$"""{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"{{backup}}"} }""");
        var request = await cluster.WaitForPhaseAsync(VeleroResources.DeleteBackupRequests, "d", DeleteBackupRequestPhase.Processed);
        Assert.Contains(message, Assert.Single(request["status"]!["errors"]!.AsArray())!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_backup_in_a_read_only_location_is_not_deleted()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"accessMode":"ReadOnly"}}""");
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"b"}}""");
        var request = await cluster.WaitForPhaseAsync(VeleroResources.DeleteBackupRequests, "d", DeleteBackupRequestPhase.Processed);
        Assert.Contains("read-only", request["status"]!["errors"]![0]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(BackupPhase.Completed, cluster.Api.Find(VeleroResources.Backups, "velero", "b").Text("status", "phase"));
    }

    [Fact]
    public async Task The_volume_snapshots_of_a_deleted_backup_are_forgotten_and_those_of_others_are_not()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var (ids, key) = await SampleRepository.MakeAsync(cluster.LocationPath);
        cluster.AddShop();
        cluster.SnapshotIdOf = _ => $"{ids[0]}";
        await cluster.BackUpAsync("keep", """{"includedNamespaces":["shop"]}""");
        cluster.SnapshotIdOf = _ => $"{ids[1]}";
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");

        // Without the key nothing can be forgotten, so nothing is deleted.
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d1","namespace":"velero"},"spec":{"backupName":"b"}}""");
        var request = await cluster.WaitForPhaseAsync(VeleroResources.DeleteBackupRequests, "d1", DeleteBackupRequestPhase.Processed);
        Assert.Contains("Secret velero-repo-credentials does not exist", request["status"]!["errors"]![0]!.GetValue<string>(), StringComparison.Ordinal);
        // It is as good as before, and can be restored.
        Assert.Equal(BackupPhase.Completed, cluster.Api.Find(VeleroResources.Backups, "velero", "b").Text("status", "phase"));
        Assert.True(File.Exists(Path.Combine(cluster.LocationPath, "backups/b/velero-backup.json")));
        Assert.Equal(ids.Order(), await SampleRepository.ListAsync(cluster.LocationPath, key));

        cluster.Api.Add(WellKnownTestKinds.Secrets, $$$"""{"metadata":{"name":"velero-repo-credentials","namespace":"velero"},"data":{"repository-key":"{{{Convert.ToBase64String(key)}}}"} }""");
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d2","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", "b") is null);
        Assert.Equal([$"{ids[0]}"], await SampleRepository.ListAsync(cluster.LocationPath, key));
    }
}
