using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Snapshots;

public sealed class BackupSnapshotTests
{
    [Fact]
    public async Task Snapshots_are_recorded_in_the_files_and_the_status_as_Velero_has_them()
    {
        var storage = new SampleStorage();
        await using var cluster = await SnapshotCluster.StartAsync(storage);
        cluster.AddVolume("data", labels: """{"topology.kubernetes.io/zone":"z1"}""");
        cluster.AddPod("web", "{}", "data");
        cluster.AddSnapshotLocation("cloud");
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"b","namespace":"velero","labels":{"team":"shop"}},"spec":{"includedNamespaces":["shop"]}}""");
        var backup = await cluster.WaitForEndAsync(VeleroResources.Backups, "b");

        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal(1, backup.Number("status", "volumeSnapshotsAttempted"));
        Assert.Equal(1, backup.Number("status", "volumeSnapshotsCompleted"));
        var (id, taken) = Assert.Single(storage.Snapshots);
        Assert.Equal("b", taken.Tags["velero.io/backup"]);
        Assert.Equal("pv-data", taken.Tags["velero.io/pv"]);
        Assert.Equal("shop", taken.Tags["team"]);
        var file = BackupContents.ReadJson(cluster.Bucket, "backups/b/b-volumesnapshots.json.gz")!;
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse($$$"""
            [{"spec":{"backupName":"b","backupUID":"{{{backup.Uid()}}}","location":"cloud","persistentVolumeName":"pv-data","providerVolumeID":"px-data",
                      "volumeType":"fast","volumeAZ":"z1","volumeIOPS":500},
              "status":{"phase":"Completed","providerSnapshotID":"{{{id}}}"} }]
            """), file), file.ToJsonString());
        var info = Assert.Single(BackupContents.ReadJson(cluster.Bucket, "backups/b/b-volumeinfo.json.gz")!.AsArray())!;
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse($$"""
            {"pvcName":"data","pvcNamespace":"shop","pvName":"pv-data","backupMethod":"NativeSnapshot","snapshotDataMoved":false,"preserveLocalSnapshot":false,
             "skipped":false,"result":"succeeded",
             "nativeSnapshotInfo":{"snapshotHandle":"{{id}}","volumeType":"fast","volumeAZ":"z1","iops":"500","Phase":"Completed"},
             "pvInfo":{"reclaimPolicy":"Delete","labels":{"topology.kubernetes.io/zone":"z1"} } }
            """), info), info.ToJsonString());
    }

    [Fact]
    public async Task A_volume_whose_files_a_pod_asks_for_is_not_snapshotted_even_when_another_pod_uses_it_first()
    {
        var storage = new SampleStorage();
        await using var cluster = await SnapshotCluster.StartAsync(storage);
        cluster.AddVolume("shared");
        cluster.AddVolume("own");
        cluster.AddPod("a-reader", "{}", "shared");
        cluster.AddPod("b-writer", """{"backup.velero.io/backup-volumes":"shared"}""", "shared", "own");
        cluster.AddSnapshotLocation("cloud");
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal("px-own", Assert.Single(storage.Snapshots.Values).Volume);
        Assert.Equal("shared", Assert.Single(cluster.Api.All(VeleroResources.PodVolumeBackups)).Text("spec", "volume"));
    }

    [Fact]
    public async Task Volumes_without_a_pod_and_without_a_claim_are_snapshotted_and_those_marked_as_excluded_are_not()
    {
        var storage = new SampleStorage();
        await using var cluster = await SnapshotCluster.StartAsync(storage);
        cluster.AddVolume("unused");
        cluster.AddVolume("excluded", claimLabels: """{"velero.io/exclude-from-backup":"true"}""");
        cluster.AddVolume("marked", labels: """{"velero.io/exclude-from-backup":"true"}""");
        cluster.Api.Add(NodeAgent.Kubernetes.KubernetesResources.PersistentVolumes, """{"metadata":{"name":"free"},"spec":{"portworxVolume":{"volumeID":"px-free"}}}""");
        cluster.AddSnapshotLocation("cloud");
        await cluster.BackUpAsync("b");
        Assert.Equal(["px-free", "px-unused"], storage.Snapshots.Values.Select(s => s.Volume).Order());
    }

    [Fact]
    public async Task A_snapshot_that_fails_is_an_error_with_its_reason_and_the_rest_of_the_backup_is_there()
    {
        var storage = new SampleStorage { Failure = "quota exceeded" };
        await using var cluster = await SnapshotCluster.StartAsync(storage);
        cluster.AddVolume("data");
        cluster.AddSnapshotLocation("cloud");
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.PartiallyFailed, backup.Text("status", "phase"));
        Assert.Equal(1, backup.Number("status", "volumeSnapshotsAttempted"));
        Assert.Equal(0, backup.Number("status", "volumeSnapshotsCompleted"));
        Assert.Equal("Failed", BackupContents.ReadJson(cluster.Bucket, "backups/b/b-volumesnapshots.json.gz")![0].Text("status", "phase"));
        Assert.Equal("failed", BackupContents.ReadJson(cluster.Bucket, "backups/b/b-volumeinfo.json.gz")![0].Text("result"));
        Assert.Contains("snapshot of volume pv-data (px-data) in cloud: quota exceeded", BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-results.gz"), StringComparison.Ordinal);
        Assert.Contains("resources/persistentvolumes/cluster/pv-data.json", BackupContents.ReadArchive(cluster.Bucket, "b").Keys);
    }

    [Fact]
    public async Task A_location_that_cannot_be_opened_fails_its_volumes_with_the_reason()
    {
        await using var cluster = await SnapshotCluster.StartAsync(new SampleStorage());
        cluster.AddVolume("data");
        cluster.AddSnapshotLocation("cloud", more: ""","credential":{"name":"gone","key":"k"}""");
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.PartiallyFailed, backup.Text("status", "phase"));
        Assert.Contains("Secret gone, which does not exist in namespace velero", BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-results.gz"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Snapshots_of_a_backup_that_fails_as_a_whole_are_removed_again()
    {
        var storage = new SampleStorage();
        await using var cluster = await SnapshotCluster.StartAsync(storage);
        cluster.AddVolume("data");
        cluster.AddSnapshotLocation("cloud");
        var made = false;
        // The place for the backup's files goes away while the volume is being snapshotted.
        storage.OnSnapshot = _ =>
        {
            made = true;
            Directory.Delete(cluster.LocationPath, recursive: true);
            File.WriteAllText(cluster.LocationPath, "not a directory");
        };
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.Failed, backup.Text("status", "phase"));
        Assert.True(made);
        Assert.Empty(storage.Snapshots);
    }

    [Fact]
    public async Task Snapshots_that_a_killed_controller_had_begun_are_found_by_their_tag_and_removed_by_the_next()
    {
        var storage = new SampleStorage();
        await using var cluster = await SnapshotCluster.StartAsync(storage);
        cluster.AddSnapshotLocation("cloud");
        var tag = NodeAgent.Controller.Snapshots.NativeSnapshots.UidTag;
        storage.Snapshots["lost"] = ("v", "cloud", "cloud", new Dictionary<string, string> { [tag] = "u1", ["velero.io/backup"] = "b" });
        // Of another backup of the name, of nobody, and of the same one that is whole.
        storage.Snapshots["other"] = ("v", "cloud", "cloud", new Dictionary<string, string> { [tag] = "u2", ["velero.io/backup"] = "b" });
        storage.Snapshots["foreign"] = ("v", "cloud", "cloud", new Dictionary<string, string> { ["velero.io/backup"] = "b" });
        storage.Snapshots["whole"] = ("v", "cloud", "cloud", new Dictionary<string, string> { [tag] = "u3" });
        storage.Failure = "the storage system is away";
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"done","namespace":"velero","uid":"u3"},"spec":{"volumeSnapshotLocations":["cloud"]},"status":{"phase":"PartiallyFailed"}}""");
        // As a controller leaves it that is killed in the midst of it.
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"b","namespace":"velero","uid":"u1"},"spec":{"storageLocation":"default","volumeSnapshotLocations":["cloud","gone"]},"status":{"phase":"InProgress"}}""");
        var backup = await cluster.WaitForEndAsync(VeleroResources.Backups, "b");
        Assert.Equal(BackupPhase.Failed, backup.Text("status", "phase"));
        Assert.Equal(4, storage.Snapshots.Count);
        storage.Failure = null;
        await ControllerFixture.WaitUntilAsync(() => !storage.Snapshots.ContainsKey("lost"));
        Assert.Equal(["foreign", "other", "whole"], storage.Snapshots.Keys.Order());
    }

    [Fact]
    public async Task A_snapshot_has_the_tag_by_which_it_is_found_again()
    {
        var storage = new SampleStorage();
        await using var cluster = await SnapshotCluster.StartAsync(storage);
        cluster.AddVolume("data");
        cluster.AddSnapshotLocation("cloud");
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(backup.Uid(), Assert.Single(storage.Snapshots.Values).Tags["nodeagent.io/backup-uid"]);
    }
}
