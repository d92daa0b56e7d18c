using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Snapshots;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Snapshots;

public sealed class RestoreSnapshotTests
{
    [Fact]
    public async Task A_lost_volume_is_made_from_its_snapshot_and_its_claim_bound_to_it_again()
    {
        var storage = new SampleStorage();
        await using var cluster = await BackedUpAsync(storage);
        cluster.LoseShop();
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");

        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        var (id, made) = Assert.Single(storage.Volumes);
        Assert.Equal(("z1", new VolumeTraits("fast", 500)), (made.Zone, made.Traits));
        Assert.Equal("px-data", storage.Snapshots[made.Snapshot].Volume);
        var volume = cluster.Api.Find(KubernetesResources.PersistentVolumes, null, "pv-data")!;
        Assert.Equal(id, volume.Text("spec", "portworxVolume", "volumeID"));
        Assert.Equal("z1", volume.Label("topology.kubernetes.io/zone"));
        Assert.Equal("data", volume.Text("spec", "claimRef", "name"));
        Assert.Null(volume.Text("spec", "claimRef", "uid"));
        Assert.Null(volume.Text("spec", "claimRef", "resourceVersion"));
        var claim = cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "data")!;
        Assert.Equal("pv-data", claim.Text("spec", "volumeName"));
        Assert.Null(claim.Annotation("pv.kubernetes.io/bind-completed"));
        var info = Assert.Single(BackupContents.ReadJson(cluster.Bucket, "restores/r/r-volumeinfo.json.gz")!.AsArray());
        Assert.Equal(("NativeSnapshot", "pv-data", made.Snapshot), (info.Text("restoreMethod"), info.Text("pvName"), info.Text("nativeSnapshotInfo", "snapshotHandle")));
    }

    [Fact]
    public async Task A_copy_into_another_namespace_gets_a_volume_of_its_own_under_another_name()
    {
        var storage = new SampleStorage();
        await using var cluster = await BackedUpAsync(storage);
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b","namespaceMapping":{"shop":"copy"}}""");

        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        var id = Assert.Single(storage.Volumes.Keys);
        Assert.Equal("px-data", cluster.Api.Find(KubernetesResources.PersistentVolumes, null, "pv-data").Text("spec", "portworxVolume", "volumeID"));
        var copy = Assert.Single(cluster.Api.All(KubernetesResources.PersistentVolumes), v => v.Name() != "pv-data");
        Assert.Equal(id, copy.Text("spec", "portworxVolume", "volumeID"));
        Assert.Equal("pv-data", copy.Annotation("velero.io/original-pv-name"));
        Assert.Equal("copy", copy.Text("spec", "claimRef", "namespace"));
        Assert.Equal(copy.Name(), cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "copy", "data").Text("spec", "volumeName"));
    }

    [Theory]
    [InlineData("""{"backupName":"b"}""", false)]
    [InlineData("""{"backupName":"b","restorePVs":false}""", true)]
    public async Task No_volume_is_made_where_the_volume_is_there_or_the_restore_wants_none(string spec, bool isLost)
    {
        var storage = new SampleStorage();
        await using var cluster = await BackedUpAsync(storage);
        if (isLost) cluster.LoseShop();
        var restore = await cluster.RestoreAsync("r", spec);
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.Empty(storage.Volumes);
        Assert.NotNull(cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "data"));
    }

    [Fact]
    public async Task A_volume_that_cannot_be_made_keeps_its_claim_back_instead_of_giving_it_an_empty_one()
    {
        var storage = new SampleStorage();
        await using var cluster = await BackedUpAsync(storage);
        cluster.LoseShop();
        storage.Failure = "quota exceeded";
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        Assert.Null(cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "data"));
        var results = BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-results.gz");
        Assert.Contains("persistentvolumes pv-data: it could not be made from snapshot pxs-1: quota exceeded", results, StringComparison.Ordinal);
        Assert.Contains("its volume pv-data could not be made from its snapshot, and an empty one in its place would pass for the data", results, StringComparison.Ordinal);

        storage.Failure = null;
        cluster.Api.Remove(VeleroResources.VolumeSnapshotLocations, "velero", "cloud");
        await cluster.RestoreAsync("r2", """{"backupName":"b"}""");
        Assert.Contains("snapshot location \\u0022cloud\\u0022 does not exist; create it", BackupContents.ReadGzip(cluster.Bucket, "restores/r2/restore-r2-results.gz"), StringComparison.Ordinal);

        // When all is mended, the same backup restores.
        cluster.AddSnapshotLocation("cloud");
        Assert.Equal(RestorePhase.Completed, (await cluster.RestoreAsync("r3", """{"backupName":"b"}""")).Text("status", "phase"));
        Assert.Single(storage.Volumes);
    }

    [Fact]
    public async Task Deleting_a_backup_deletes_its_snapshots_and_names_those_that_cannot_be()
    {
        var storage = new SampleStorage();
        await using var cluster = await BackedUpAsync(storage);
        await cluster.BackUpAsync("keep", """{"includedNamespaces":["shop"]}""");
        storage.Failure = "the service is down";
        var request = await DeleteAsync("d1");
        Assert.Equal("snapshot pxs-1 of volume pv-data in cloud: the service is down", request["status"]!["errors"]![0]!.GetValue<string>());
        Assert.True(File.Exists(Path.Combine(cluster.LocationPath, "backups/b/velero-backup.json")));

        storage.Failure = null;
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d2","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", "b") is null);
        Assert.Equal("keep", Assert.Single(storage.Snapshots.Values).Tags["velero.io/backup"]);

        async Task<System.Text.Json.Nodes.JsonObject> DeleteAsync(string name)
        {
            cluster.Api.Add(VeleroResources.DeleteBackupRequests, $$"""{"metadata":{"name":"{{name}}","namespace":"velero"},"spec":{"backupName":"b"} }""");
            return await cluster.WaitForPhaseAsync(VeleroResources.DeleteBackupRequests, name, DeleteBackupRequestPhase.Processed);
        }
    }

    /// <summary>A cluster with a backup "b" of a claim whose volume was snapshotted.</summary>
    private static async Task<ControllerFixture> BackedUpAsync(SampleStorage storage)
    {
        var cluster = await SnapshotCluster.StartAsync(storage);
        cluster.AddVolume("data", labels: """{"topology.kubernetes.io/zone":"z1"}""");
        cluster.AddSnapshotLocation("cloud");
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        return cluster;
    }
}
