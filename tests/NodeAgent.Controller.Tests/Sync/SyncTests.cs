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

    [Theory]
    [InlineData("")]
    [InlineData("bucket")]
    public async Task A_location_that_was_unmounted_is_unavailable_and_loses_no_backup(string bucket)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", $$$"""{"spec":{"backupSyncPeriod":"100ms","objectStorage":{"bucket":"{{{bucket}}}"} } }""");
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        // What an unmounted directory looks like: there, and empty.
        var aside = cluster.LocationPath + "-aside";
        Directory.Move(cluster.LocationPath, aside);
        Directory.CreateDirectory(Path.Combine(cluster.LocationPath, "lost+found"));
        var tooEarly = await cluster.BackUpAsync("too-early", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.FailedValidation, tooEarly.Text("status", "phase"));
        // For a moment there was no directory at all, which is another message.
        await cluster.WaitAsync(VeleroResources.BackupStorageLocations, "default", l => l.Text("status", "phase") == LocationPhase.Unavailable
            && l.Text("status", "message")!.Contains("holds nothing, though a backup was stored in it: is it mounted?", StringComparison.Ordinal));
        Assert.Equal(["lost+found"], Directory.EnumerateFileSystemEntries(cluster.LocationPath).Select(Path.GetFileName));
        // A few rounds more.
        await Task.Delay(cluster.Options.ResyncPeriod * 1.5, TestContext.Current.CancellationToken);
        Assert.Equal(BackupPhase.Completed, cluster.Api.Find(VeleroResources.Backups, "velero", "b").Text("status", "phase"));
        Directory.Delete(cluster.LocationPath, recursive: true);
        Directory.Move(aside, cluster.LocationPath);
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
        Assert.Equal(BackupPhase.Completed, cluster.Api.Find(VeleroResources.Backups, "velero", "b").Text("status", "phase"));
    }

    [Fact]
    public async Task A_location_that_is_not_checked_any_more_loses_no_backup_when_it_is_unmounted()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"backupSyncPeriod":"100ms","validationFrequency":"0s"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        // Only a location that was never checked is still checked then.
        await SyncAsync(2);
        // At one stroke, as a mount goes.
        Directory.Move(cluster.LocationPath, cluster.LocationPath + "-unmounted");
        Directory.CreateDirectory(cluster.LocationPath);
        await SyncAsync(3);
        Assert.Equal(LocationPhase.Available, cluster.Api.Find(VeleroResources.BackupStorageLocations, "velero", "default").Text("status", "phase"));
        Assert.NotNull(cluster.Api.Find(VeleroResources.Backups, "velero", "b"));

        async Task SyncAsync(int rounds)
        {
            for (var round = 0; round < rounds; round++)
            {
                var before = cluster.Api.Find(VeleroResources.BackupStorageLocations, "velero", "default").Text("status", "lastSyncedTime");
                await cluster.WaitAsync(VeleroResources.BackupStorageLocations, "default", l => l.Text("status", "lastSyncedTime") != before);
            }
        }
    }
}
