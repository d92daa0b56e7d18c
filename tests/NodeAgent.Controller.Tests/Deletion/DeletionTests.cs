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
}
