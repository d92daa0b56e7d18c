using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Tests.Backups;

public sealed class SeveralLocationsTests
{
    [Theory]
    [InlineData("default, second", null, "default")]
    [InlineData("second,default", null, "second")]
    [InlineData("second", "default", "default")]
    public async Task A_backup_in_several_locations_is_complete_in_each_of_them(string annotation, string? own, string first)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var second = AddSecond(cluster);
        cluster.AddShop();
        cluster.SnapshotIdOf = volume => $"snap-{volume}";
        var backup = await BackUpAsync(cluster, annotation, own is null ? "" : $",\"storageLocation\":\"{own}\"");
        Assert.Equal((BackupPhase.Completed, first), (backup.Text("status", "phase"), backup.Text("spec", "storageLocation")));

        var volumes = cluster.Api.All(VeleroResources.PodVolumeBackups);
        Assert.Equal(["default", "second"], volumes.Select(v => v.Text("spec", "backupStorageLocation")).Order());
        foreach (var (bucket, name) in new[] { (cluster.Bucket, "default"), (second, "second") })
        {
            Assert.Contains("resources/pods/namespaces/shop/web.json", BackupContents.ReadArchive(bucket, "b").Keys);
            Assert.Equal(name, Assert.Single(BackupContents.ReadJson(bucket, "backups/b/b-podvolumebackups.json.gz")!.AsArray()).Text("spec", "backupStorageLocation"));
            Assert.Single(BackupContents.ReadJson(bucket, "backups/b/b-volumeinfo.json.gz")!.AsArray());
            Assert.Contains("level=info", BackupContents.ReadGzip(bucket, "backups/b/b-logs.gz"), StringComparison.Ordinal);
            var metadata = ReadMetadata(bucket);
            Assert.Equal((BackupPhase.Completed, name, name), (metadata.Text("status", "phase"), metadata.Text("spec", "storageLocation"), metadata.Label(VeleroLabels.StorageLocation)));
            Assert.Equal(9, Directory.GetFiles(Path.Combine(bucket.Location, "backups/b")).Length);
        }
    }

    [Theory]
    [InlineData("default,second", "default")]
    [InlineData("second,default", "default")]
    public async Task A_location_that_fails_is_told_of_and_the_backup_is_whole_in_the_other(string annotation, string left)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var second = AddSecond(cluster);
        cluster.AddShop();
        cluster.AgentOutcome = null;
        cluster.Api.Add(VeleroResources.Backups, $$$"""{"metadata":{"name":"b","namespace":"velero","annotations":{"nodeagent.io/storage-locations":"{{{annotation}}}"}},"spec":{"includedNamespaces":["shop"]} }""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.PodVolumeBackups).Count == 2);
        // It breaks while the volumes are read: a file stands where the folder of backups should be.
        Directory.Delete(Path.Combine(second.Location, "backups"), recursive: true);
        await File.WriteAllTextAsync(Path.Combine(second.Location, "backups"), "in the way", TestContext.Current.CancellationToken);
        cluster.AgentOutcome = PodVolumePhase.Completed;
        var backup = await cluster.WaitForEndAsync(VeleroResources.Backups, "b");
        Assert.Equal((BackupPhase.PartiallyFailed, 1L, left), (backup.Text("status", "phase"), backup.Number("status", "errors"), backup.Text("spec", "storageLocation")));
        Assert.Equal(BackupPhase.PartiallyFailed, ReadMetadata(cluster.Bucket).Text("status", "phase"));
        var error = Assert.Single(BackupContents.ReadJson(cluster.Bucket, "backups/b/b-results.gz")!["errors"]!["velero"]!.AsArray())!.GetValue<string>();
        Assert.StartsWith("backup storage location \"second\": the backup is not in it: ", error, StringComparison.Ordinal);

        // And it can be restored.
        cluster.LoseShop();
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
    }

    [Fact]
    public async Task A_location_that_is_away_from_the_start_does_not_keep_the_backup_out_of_the_other()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        AddSecond(cluster);
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "second", """{"spec":{"accessMode":"ReadOnly"}}""");
        var backup = await BackUpAsync(cluster, "second,default");
        Assert.Equal((BackupPhase.PartiallyFailed, "default"), (backup.Text("status", "phase"), backup.Text("spec", "storageLocation")));
        Assert.Contains("\\u0022second\\u0022 is read-only: the backup is not in it", BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-results.gz"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("default,nowhere", "backup storage location \"nowhere\" does not exist; create it, or name another")]
    [InlineData("default,again", "backup storage locations \"default\" and \"again\" are the same place; name one of them")]
    public async Task Locations_that_cannot_be_meant_are_refused(string annotation, string message)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        AddLocation(cluster, "again", cluster.LocationPath);
        var backup = await BackUpAsync(cluster, annotation);
        Assert.Equal(BackupPhase.FailedValidation, backup.Text("status", "phase"));
        Assert.Equal(message, Assert.Single(backup["status"]!["validationErrors"]!.AsArray())!.GetValue<string>());
    }

    [Fact]
    public async Task A_volume_that_fails_in_one_location_is_whole_in_the_other()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var second = AddSecond(cluster);
        cluster.AddShop();
        cluster.AgentOutcome = null;
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"b","namespace":"velero","annotations":{"nodeagent.io/storage-locations":"default,second"}},"spec":{"includedNamespaces":["shop"]}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.PodVolumeBackups).Count == 2);
        foreach (var volume in cluster.Api.All(VeleroResources.PodVolumeBackups))
        {
            cluster.Api.Patch(VeleroResources.PodVolumeBackups, "velero", volume.Name(), volume.Text("spec", "backupStorageLocation") == "second"
                ? """{"status":{"phase":"Failed","message":"no room"}}""" : """{"status":{"phase":"Completed","snapshotID":"s"}}""");
        }

        var backup = await cluster.WaitForEndAsync(VeleroResources.Backups, "b");
        Assert.Equal((BackupPhase.PartiallyFailed, 1L), (backup.Text("status", "phase"), backup.Number("status", "errors")));
        Assert.Contains("volume data of pod shop/web in location second: Failed: no room", BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-logs.gz"), StringComparison.Ordinal);
        Assert.Equal("succeeded", BackupContents.ReadJson(cluster.Bucket, "backups/b/b-volumeinfo.json.gz")![0].Text("result"));
        Assert.Equal("failed", BackupContents.ReadJson(second, "backups/b/b-volumeinfo.json.gz")![0].Text("result"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Deletion_and_expiry_remove_a_backup_from_every_location(bool expires)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var second = AddSecond(cluster);
        await BackUpAsync(cluster, "default,second");
        // Another's backup is not touched.
        var others = Path.Combine(second.Location, "backups/other/velero-backup.json");
        Directory.CreateDirectory(Path.GetDirectoryName(others)!);
        await File.WriteAllTextAsync(others, """{"metadata":{"name":"other","uid":"u"}}""", TestContext.Current.CancellationToken);
        if (expires)
        {
            foreach (var name in new[] { "default", "second" }) await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, name, LocationPhase.Available);
            cluster.Api.Patch(VeleroResources.Backups, "velero", "b", """{"status":{"expiration":"2020-01-01T00:00:00Z"}}""");
        }
        else
        {
            cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"b"}}""");
        }

        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", "b") is null);
        Assert.False(Directory.Exists(Path.Combine(cluster.LocationPath, "backups/b")));
        Assert.False(Directory.Exists(Path.Combine(second.Location, "backups/b")));
        Assert.True(File.Exists(others));
    }

    [Fact]
    public async Task Deletion_leaves_a_backup_of_the_same_name_alone_that_is_another_one()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var second = AddSecond(cluster);
        await BackUpAsync(cluster, "default,second");
        var file = Path.Combine(second.Location, "backups/b/velero-backup.json");
        await File.WriteAllTextAsync(file, """{"metadata":{"name":"b","uid":"another"},"status":{"phase":"Completed"}}""", TestContext.Current.CancellationToken);
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await ControllerFixture.WaitUntilAsync(() => !Directory.Exists(Path.Combine(cluster.LocationPath, "backups/b")));
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.DeleteBackupRequests, "velero", "d") is null);
        Assert.True(File.Exists(file));
    }

    [Fact]
    public async Task A_deletion_that_cannot_reach_every_location_is_refused_and_nothing_is_gone()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        AddSecond(cluster);
        await BackUpAsync(cluster, "default,second");
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "second", """{"spec":{"accessMode":"ReadOnly"}}""");
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"b"}}""");
        var request = await cluster.WaitForPhaseAsync(VeleroResources.DeleteBackupRequests, "d", DeleteBackupRequestPhase.Processed);
        Assert.StartsWith("backup storage location \"second\" is read-only; the backup is there too", request["status"]!["errors"]![0]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(BackupPhase.Completed, ReadMetadata(cluster.Bucket).Text("status", "phase"));
        Assert.Equal(BackupPhase.Completed, cluster.Api.Find(VeleroResources.Backups, "velero", "b").Text("status", "phase"));
    }

    [Theory]
    [InlineData("second", "default", false)]
    [InlineData("default", "second", false)]
    [InlineData("second", "default", true)]
    [InlineData("default", "second", true)]
    public async Task A_location_that_the_cluster_has_no_more_keeps_no_backup_in_the_others(string gone, string left, bool expires)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var second = AddSecond(cluster);
        await BackUpAsync(cluster, "default,second");
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, left, LocationPhase.Available);
        cluster.Api.Remove(VeleroResources.BackupStorageLocations, "velero", gone);
        if (expires) cluster.Api.Patch(VeleroResources.Backups, "velero", "b", """{"status":{"expiration":"2020-01-01T00:00:00Z"}}""");
        else cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", "b") is null);
        var (reached, lost) = gone == "second" ? (cluster.Bucket, second) : (second, cluster.Bucket);
        Assert.False(Directory.Exists(Path.Combine(reached.Location, "backups/b")));
        Assert.Equal(BackupPhase.Completed, ReadMetadata(lost).Text("status", "phase"));
    }

    [Fact]
    public async Task A_schedule_sends_its_backups_to_several_locations()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var second = AddSecond(cluster);
        cluster.Api.Add(VeleroResources.Schedules, """
            {"metadata":{"name":"nightly","namespace":"velero","creationTimestamp":"2020-01-01T00:00:00Z"},
             "spec":{"schedule":"@every 1h","template":{"metadata":{"annotations":{"nodeagent.io/storage-locations":"default,second"}},"includedNamespaces":["shop"]}}}
            """);
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.Backups).Count == 1);
        var backup = await cluster.WaitForEndAsync(VeleroResources.Backups, cluster.Api.All(VeleroResources.Backups)[0].Name());
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        foreach (var bucket in new[] { cluster.Bucket, second }) Assert.True(File.Exists(Path.Combine(bucket.Location, "backups", backup.Name(), "velero-backup.json")));
    }

    private static DirectoryBucket AddSecond(ControllerFixture cluster)
    {
        var path = cluster.LocationPath + "-second";
        Directory.CreateDirectory(path);
        AddLocation(cluster, "second", path);
        return new DirectoryBucket(path);
    }

    private static void AddLocation(ControllerFixture cluster, string name, string path) => cluster.Api.Add(VeleroResources.BackupStorageLocations, $$"""
        {"metadata":{"name":"{{name}}","namespace":"velero"},"spec":{"provider":"filesystem","config":{"path":"{{path}}"},"objectStorage":{"bucket":""} } }
        """);

    private static Task<JsonObject> BackUpAsync(ControllerFixture cluster, string locations, string more = "")
    {
        cluster.Api.Add(VeleroResources.Backups, $$$"""{"metadata":{"name":"b","namespace":"velero","annotations":{"nodeagent.io/storage-locations":"{{{locations}}}"}},"spec":{"includedNamespaces":["shop"]{{{more}}}} }""");
        return cluster.WaitForEndAsync(VeleroResources.Backups, "b");
    }

    private static JsonNode ReadMetadata(DirectoryBucket bucket) => JsonNode.Parse(File.ReadAllText(Path.Combine(bucket.Location, "backups/b/velero-backup.json")))!;
}
