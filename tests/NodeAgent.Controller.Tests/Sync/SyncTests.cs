using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Sync;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Sync;

public sealed class SyncTests
{
    private const string Often = """{"spec":{"backupSyncPeriod":"100ms"}}""";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_backup_found_in_the_location_comes_into_the_cluster_and_can_be_restored(bool hasStatusSubresource)
    {
        await using var cluster = await ControllerFixture.StartAsync(hasStatusSubresource: hasStatusSubresource);
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"settings","namespace":"shop"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Remove(VeleroResources.Backups, "velero", "b");
        cluster.LoseShop();
        foreach (var junk in new[] { "Not A Name", "broken", "unfinished" }) Directory.CreateDirectory(Path.Combine(cluster.LocationPath, "backups", junk));
        await File.WriteAllTextAsync(Path.Combine(cluster.LocationPath, "backups/broken/velero-backup.json"), "{", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(cluster.LocationPath, "backups/unfinished/velero-backup.json"), """{"metadata":{"name":"unfinished"},"status":{"phase":"InProgress"}}""", TestContext.Current.CancellationToken);
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", Often);
        var synced = await cluster.WaitForEndAsync(VeleroResources.Backups, "b");
        Assert.Equal(BackupPhase.Completed, synced.Text("status", "phase"));
        Assert.Equal("default", synced.Annotation(BackupSync.SyncedFrom));
        Assert.Single(cluster.Api.All(VeleroResources.Backups));
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.NotNull(cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", "settings"));
    }

    [Fact]
    public async Task A_backup_whose_files_are_gone_leaves_the_cluster()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"failed","namespace":"velero"},"spec":{"storageLocation":"default"},"status":{"phase":"Failed"}}""");
        Directory.Delete(Path.Combine(cluster.LocationPath, "backups/b"), recursive: true);
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", Often);
        for (var i = 0; i < 500 && cluster.Api.Find(VeleroResources.Backups, "velero", "b") is not null; i++) await Task.Delay(20, TestContext.Current.CancellationToken);
        Assert.Equal("failed", Assert.Single(cluster.Api.All(VeleroResources.Backups)).Name());
    }
}
