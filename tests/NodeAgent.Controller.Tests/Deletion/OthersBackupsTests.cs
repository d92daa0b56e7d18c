using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Sync;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Deletion;

/// <summary>A bucket may have several clusters, and in each of them a backup may have the same name.</summary>
public sealed class OthersBackupsTests
{
    private const string Spec = """{"includedNamespaces":["shop"]}""";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_deletion_that_is_tried_again_leaves_the_backup_alone_that_kept_this_one_from_its_name(bool requestIsLost)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var (ids, key) = await MakeRepositoryAsync(cluster);
        cluster.AddShop();
        cluster.SnapshotIdOf = _ => $"{ids[0]}";
        await cluster.BackUpAsync("daily", Spec);
        var before = Snapshot(cluster.LocationPath, "daily");
        // What the cluster knew of it is gone, and the next of the name is refused.
        cluster.Api.Remove(VeleroResources.Backups, "velero", "daily");
        foreach (var volume in cluster.Api.All(VeleroResources.PodVolumeBackups)) cluster.Api.Remove(VeleroResources.PodVolumeBackups, "velero", volume.Name());
        Assert.Equal(BackupPhase.FailedValidation, (await cluster.BackUpAsync("daily", Spec)).Text("status", "phase"));

        // As a controller that dies just before the end of the deletion.
        cluster.Api.Faults["DELETE /apis/velero.io/v1/namespaces/velero/backups/daily"] = true;
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"daily"}}""");
        await cluster.WaitForPhaseAsync(VeleroResources.Backups, "daily", BackupPhase.Deleting);
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.DeleteBackupRequests, "velero", "d").Text("status", "phase") == DeleteBackupRequestPhase.InProgress);
        if (requestIsLost) cluster.Api.Remove(VeleroResources.DeleteBackupRequests, "velero", "d");
        // Any change wakes the controller. Once the fault is over, the object may go at any moment.
        cluster.Api.Patch(VeleroResources.Backups, "velero", "daily", """{"metadata":{"labels":{"a":"b"}}}""");
        cluster.Api.Faults.Clear();
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", "daily") is null);
        Assert.Equal(before, Snapshot(cluster.LocationPath, "daily"));
        Assert.Equal(ids.Order(), await SampleRepository.ListAsync(cluster.LocationPath, key));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_failed_backup_goes_without_the_one_that_another_cluster_made_under_its_name(bool expires)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var (ids, key) = await MakeRepositoryAsync(cluster);
        cluster.AddShop();
        cluster.SnapshotIdOf = _ => $"{ids[0]}";
        await cluster.BackUpAsync("x", Spec);
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
        // The same folder, made by another cluster's backup.
        foreach (var volume in cluster.Api.All(VeleroResources.PodVolumeBackups)) cluster.Api.Remove(VeleroResources.PodVolumeBackups, "velero", volume.Name());
        cluster.Api.Remove(VeleroResources.Backups, "velero", "x");
        var before = Snapshot(cluster.LocationPath, "x");
        var expiration = expires ? ""","expiration":"2020-01-02T00:00:00Z" """ : "";
        cluster.Api.Add(VeleroResources.Backups, $$$"""
            {"metadata":{"name":"x","namespace":"velero"},"spec":{"storageLocation":"default"},
             "status":{"phase":"Failed","startTimestamp":"2020-01-01T00:00:00Z","completionTimestamp":"2020-01-01T00:01:00Z"{{{expiration}}}} }
            """);
        // Its own volume, as far as it came.
        cluster.Api.Add(VeleroResources.PodVolumeBackups, $$$"""
            {"metadata":{"name":"x-1","namespace":"velero","labels":{"velero.io/backup-uid":"{{{cluster.Api.Find(VeleroResources.Backups, "velero", "x")!.Uid()}}}"},"annotations":{"nodeagent.io/data-format":"1"}},
             "spec":{"backupStorageLocation":"default"},"status":{"phase":"Completed","snapshotID":"{{{ids[1]}}}"} }
            """);
        if (!expires) cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"x"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", "x") is null);
        Assert.Equal(before, Snapshot(cluster.LocationPath, "x"));
        Assert.Equal([$"{ids[0]}"], await SampleRepository.ListAsync(cluster.LocationPath, key));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_backup_that_came_from_the_bucket_is_deleted_with_its_files_whoever_synchronised_it(bool notesUid)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var made = await cluster.BackUpAsync("b", Spec);
        cluster.Api.Remove(VeleroResources.Backups, "velero", "b");
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"backupSyncPeriod":"100ms"}}""");
        var synced = await cluster.WaitForEndAsync(VeleroResources.Backups, "b");
        Assert.NotEqual(made.Uid(), synced.Uid());
        Assert.Equal(made.Uid(), synced.Annotation(BackupSync.SourceUid));
        // As Velero's own synchronisation leaves it.
        if (!notesUid) cluster.Api.Patch(VeleroResources.Backups, "velero", "b", $$$"""{"metadata":{"annotations":{"{{{BackupSync.SourceUid}}}":null,"{{{BackupSync.SyncedFrom}}}":null} } }""");
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", "b") is null && !Directory.Exists(Path.Combine(cluster.LocationPath, "backups/b")));
    }

    [Fact]
    public async Task A_backup_of_which_a_part_is_deleted_is_none_for_other_clusters()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var (ids, key) = await MakeRepositoryAsync(cluster);
        cluster.AddShop();
        cluster.SnapshotIdOf = _ => $"{ids[0]}";
        await cluster.BackUpAsync("b", Spec);
        // A snapshot in a location that there is no more.
        await File.WriteAllBytesAsync(
            Path.Combine(cluster.LocationPath, "backups/b/b-volumesnapshots.json.gz"),
            GzipJson.Encode(JsonNode.Parse("""[{"spec":{"location":"gone","persistentVolumeName":"pv"},"status":{"phase":"Completed","providerSnapshotID":"snap-1"}}]""")),
            TestContext.Current.CancellationToken);
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"b"}}""");
        var request = await cluster.WaitForPhaseAsync(VeleroResources.DeleteBackupRequests, "d", DeleteBackupRequestPhase.Processed);
        Assert.Contains("snap-1", request["status"]!["errors"]![0]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(BackupPhase.Finalizing, JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(cluster.LocationPath, "backups/b/velero-backup.json"), TestContext.Current.CancellationToken)).Text("status", "phase"));
        // What is likelier to fail is tried first.
        Assert.Equal(ids.Order(), await SampleRepository.ListAsync(cluster.LocationPath, key));
    }

    /// <summary>All files of a backup with their content.</summary>
    internal static IReadOnlyDictionary<string, string> Snapshot(string location, string backup) =>
        Directory.GetFiles(Path.Combine(location, "backups", backup)).ToDictionary(p => Path.GetFileName(p), p => Convert.ToHexString(File.ReadAllBytes(p)));

    private static async Task<(string[] Ids, byte[] Key)> MakeRepositoryAsync(ControllerFixture cluster)
    {
        var (ids, key) = await SampleRepository.MakeAsync(cluster.LocationPath);
        cluster.Api.Add(WellKnownTestKinds.Secrets, $$$"""{"metadata":{"name":"velero-repo-credentials","namespace":"velero"},"data":{"repository-key":"{{{Convert.ToBase64String(key)}}}"} }""");
        return (ids, key);
    }
}
