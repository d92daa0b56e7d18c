using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Snapshots.Csi;

public sealed class CsiTests
{
    private const string Source = $$$"""{"csi":{"driver":"{{{SampleDriver.Name}}}","volumeHandle":"h"} }""";

    [Fact]
    public async Task A_claim_is_snapshotted_through_the_API_and_the_snapshot_outlives_its_objects()
    {
        await using var cluster = await StartAsync();
        await using var driver = new SampleDriver(cluster.Api);
        cluster.AddVolume("data", Source, claimLabels: """{"app":"web"}""");
        cluster.AddPod("web", "{}", "data");
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");

        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal((1L, 1L), (backup.Number("status", "csiVolumeSnapshotsAttempted"), backup.Number("status", "csiVolumeSnapshotsCompleted")));
        Assert.Equal("shop/data", driver.Stored["snap-1"]);
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(KubernetesResources.VolumeSnapshots).Count == 0 && cluster.Api.All(KubernetesResources.VolumeSnapshotContents).Count == 0);
        Assert.True(driver.Stored.ContainsKey("snap-1"));

        var snapshot = Assert.Single(BackupContents.ReadJson(cluster.Bucket, "backups/b/b-csi-volumesnapshots.json.gz")!.AsArray())!;
        Assert.Equal(("data", "snapclass", "web", "b"), (snapshot.Text("spec", "source", "persistentVolumeClaimName"), snapshot.Text("spec", "volumeSnapshotClassName"), snapshot.Label("app"), snapshot.Label(VeleroLabels.BackupName)));
        Assert.Equal(("snap-1", SampleDriver.Name, "Delete"), (snapshot.Annotation("velero.io/csi-volumesnapshot-handle"), snapshot.Annotation("velero.io/csi-driver-name"), snapshot.Annotation("velero.io/csi-vsc-deletion-policy")));
        var content = Assert.Single(BackupContents.ReadJson(cluster.Bucket, "backups/b/b-csi-volumesnapshotcontents.json.gz")!.AsArray())!;
        Assert.Equal(("snap-1", "b", snapshot.Text("status", "boundVolumeSnapshotContentName")), (content.Text("status", "snapshotHandle"), content.Label(VeleroLabels.BackupName), content.Name()));
        Assert.Equal("snapclass", Assert.Single(BackupContents.ReadJson(cluster.Bucket, "backups/b/b-csi-volumesnapshotclasses.json.gz")!.AsArray())!.Name());
        var archive = BackupContents.ReadArchive(cluster.Bucket, "b");
        Assert.Contains($"resources/volumesnapshots.snapshot.storage.k8s.io/namespaces/shop/{snapshot.Name()}.json", archive.Keys);
        Assert.Contains($"resources/volumesnapshotcontents.snapshot.storage.k8s.io/cluster/{content.Name()}.json", archive.Keys);
        Assert.Contains("resources/volumesnapshotclasses.snapshot.storage.k8s.io/cluster/snapclass.json", archive.Keys);
        var claim = JsonNode.Parse(archive["resources/persistentvolumeclaims/namespaces/shop/data.json"])!;
        Assert.Equal((snapshot.Name(), snapshot.Name()), (claim.Annotation("velero.io/volume-snapshot-name"), claim.Label("velero.io/volume-snapshot-name")));
        var info = Assert.Single(BackupContents.ReadJson(cluster.Bucket, "backups/b/b-volumeinfo.json.gz")!.AsArray())!;
        Assert.Equal(("CSISnapshot", "succeeded", "snap-1", content.Name()), (info.Text("backupMethod"), info.Text("result"), info.Text("csiSnapshotInfo", "snapshotHandle"), info.Text("csiSnapshotInfo", "vscName")));
        Assert.Equal(2147483648, info.Number("csiSnapshotInfo", "size"));
        Assert.Empty(cluster.Api.All(VeleroResources.PodVolumeBackups));
    }

    [Fact]
    public async Task Snapshots_are_counted_with_the_schedule_and_the_backup_also_those_that_could_not_even_be_asked_for()
    {
        await using var cluster = await StartAsync();
        await using var driver = new SampleDriver(cluster.Api);
        foreach (var claim in new[] { "a", "b", "c" }) cluster.AddVolume(claim, Source);
        var asked = 0;
        cluster.Api.Interfere = request => request.Method == "POST" && request.Path.Value!.EndsWith("/volumesnapshots", StringComparison.Ordinal) && Interlocked.Increment(ref asked) == 2 ? (System.Net.HttpStatusCode.UnprocessableEntity, "Invalid") : null;
        using var collector = new Hosting.Metrics.MetricsCollector(new Hosting.Metrics.MetricsOptions { Meters = [Telemetry.MeterName] }, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"counted","namespace":"velero","labels":{"velero.io/schedule-name":"csi-counts"}},"spec":{"includedNamespaces":["shop"]}}""");
        var backup = await cluster.WaitForEndAsync(VeleroResources.Backups, "counted");
        Assert.Equal(BackupPhase.PartiallyFailed, backup.Text("status", "phase"));
        var lines = collector.WriteText().Split('\n');
        foreach (var (name, count) in new[] { ("attempt", 3), ("success", 2), ("failure", 1) }) Assert.Contains($"velero_csi_snapshot_{name}_total{{backupName=\"counted\",schedule=\"csi-counts\"}} {count}", lines);
    }

    [Theory]
    [InlineData("Delete", "shop")]
    [InlineData("Retain", "shop")]
    [InlineData("Delete", "copy")]
    public async Task A_restored_claim_is_filled_from_its_snapshot_and_the_snapshot_goes_with_the_backup(string reclaim, string target)
    {
        await using var cluster = await StartAsync();
        await using var driver = new SampleDriver(cluster.Api);
        cluster.AddVolume("data", Source, reclaim: reclaim);
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        if (target == "shop")
        {
            cluster.LoseShop();
            cluster.Api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"shop"},"status":{"phase":"Active"}}""");
        }

        var restore = await cluster.RestoreAsync("r", $$$"""{"backupName":"b","namespaceMapping":{"shop":"{{{target}}}"} }""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        await ControllerFixture.WaitUntilAsync(() => driver.Filled.ContainsKey($"{target}/data"));
        Assert.Equal("snap-1", driver.Filled[$"{target}/data"]);
        var claim = cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, target, "data")!;
        var name = claim.Text("spec", "dataSource", "name")!;
        Assert.Equal("snapshot.storage.k8s.io", claim.Text("spec", "dataSource", "apiGroup"));
        Assert.Null(claim.Annotation("velero.io/volume-snapshot-name"));
        // The claim asked for less than its snapshot has, which a driver would refuse.
        Assert.Equal("2147483648", claim.Text("spec", "resources", "requests", "storage"));
        var content = cluster.Api.Find(KubernetesResources.VolumeSnapshotContents, null, name)!;
        Assert.Equal(("Retain", SampleDriver.Name, "snap-1", "snapclass", target), (
            content.Text("spec", "deletionPolicy"), content.Text("spec", "driver"), content.Text("spec", "source", "snapshotHandle"), content.Text("spec", "volumeSnapshotClassName"), content.Text("spec", "volumeSnapshotRef", "namespace")));
        Assert.Equal(name, cluster.Api.Find(KubernetesResources.VolumeSnapshots, target, name).Text("spec", "source", "volumeSnapshotContentName"));
        Assert.Equal("CSISnapshot", Assert.Single(BackupContents.ReadJson(cluster.Bucket, "restores/r/r-volumeinfo.json.gz")!.AsArray()).Text("restoreMethod"));

        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", "b") is null);
        Assert.Empty(driver.Stored);
    }

    [Fact]
    public async Task Nothing_is_made_in_a_namespace_that_is_not_in_the_backup()
    {
        await using var cluster = await StartAsync();
        await using var driver = new SampleDriver(cluster.Api);
        cluster.AddVolume("data", Source);
        cluster.Api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"other"}}""");
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["other"],"includeClusterResources":true}""");
        Assert.Equal((BackupPhase.Completed, 0L, 0L), (backup.Text("status", "phase"), backup.Number("status", "csiVolumeSnapshotsAttempted"), backup.Number("status", "warnings")));
        Assert.Contains("resources/persistentvolumes/cluster/pv-data.json", BackupContents.ReadArchive(cluster.Bucket, "b").Keys);
        Assert.DoesNotContain(cluster.Api.Writes, w => w.Contains("volumesnapshots", StringComparison.Ordinal));
        Assert.Empty(driver.Stored);
    }

    [Fact]
    public async Task A_restore_without_volumes_gives_the_claim_an_empty_one()
    {
        await using var cluster = await StartAsync();
        await using var driver = new SampleDriver(cluster.Api);
        cluster.AddVolume("data", Source);
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b","restorePVs":false}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        var claim = cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "data")!;
        Assert.Null(claim.At("spec", "dataSource"));
        Assert.Null(claim.Text("spec", "volumeName"));
    }

    [Fact]
    public async Task A_backup_as_Velero_makes_it_today_with_its_snapshots_in_the_archive_alone_is_restored_and_deleted()
    {
        await using var cluster = await StartAsync();
        await using var driver = new SampleDriver(cluster.Api);
        cluster.AddVolume("data", Source);
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        foreach (var file in Directory.GetFiles(Path.Combine(cluster.LocationPath, "backups/b"), "b-csi-*")) File.Delete(file);
        cluster.LoseShop();
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        await ControllerFixture.WaitUntilAsync(() => driver.Filled.ContainsKey("shop/data"));
        Assert.Equal("snap-1", driver.Filled["shop/data"]);
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", "b") is null);
        Assert.Empty(driver.Stored);
    }

    [Theory]
    [InlineData("silent", "1s", "was not cut within 1s: nothing tells why; see that the snapshot controller runs, and the csi-snapshotter of driver disk.example.com")]
    [InlineData("error", "5s", "was not cut within 5s: quota of snapshots is exhausted")]
    [InlineData("unready", "60s", "did not become ready within 1s: nothing tells why")]
    public async Task A_snapshot_that_does_not_come_about_is_an_error_with_its_reason_and_leaves_nothing_behind(string fault, string patience, string message)
    {
        await using var cluster = await StartAsync();
        await using var driver = new SampleDriver(cluster.Api) { Cuts = fault != "silent", Readies = fault != "unready", Error = fault == "error" ? "quota of snapshots\nis exhausted" : null };
        cluster.AddVolume("data", Source);
        var backup = await cluster.BackUpAsync("b", $$"""{"includedNamespaces":["shop"],"csiSnapshotTimeout":"{{patience}}","itemOperationTimeout":"1s"}""");
        Assert.Equal((BackupPhase.PartiallyFailed, 1L, 0L), (backup.Text("status", "phase"), backup.Number("status", "csiVolumeSnapshotsAttempted"), backup.Number("status", "csiVolumeSnapshotsCompleted")));
        Assert.Contains(message, BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-results.gz"), StringComparison.Ordinal);
        Assert.Equal("failed", BackupContents.ReadJson(cluster.Bucket, "backups/b/b-volumeinfo.json.gz")![0].Text("result"));
        Assert.Empty(BackupContents.ReadJson(cluster.Bucket, "backups/b/b-csi-volumesnapshots.json.gz")!.AsArray());
        Assert.Empty(cluster.Api.All(KubernetesResources.VolumeSnapshots));
        Assert.All(cluster.Api.All(KubernetesResources.VolumeSnapshotContents), c => Assert.Equal("Delete", c.Text("spec", "deletionPolicy")));
    }

    [Theory]
    [InlineData("nfs.example.com", true, "driver nfs.example.com; create one")]
    [InlineData(SampleDriver.Name, false, "the cluster does not serve snapshot.storage.k8s.io/v1; install the VolumeSnapshot definitions and the snapshot controller")]
    public async Task What_cannot_be_snapshotted_falls_back_to_files_or_says_why_not(string driver, bool served, string message)
    {
        await using var cluster = await StartAsync(served);
        cluster.AddVolume("mounted", $$$"""{"csi":{"driver":"{{{driver}}}","volumeHandle":"h"} }""");
        cluster.AddVolume("unused", $$$"""{"csi":{"driver":"{{{driver}}}","volumeHandle":"h"} }""");
        cluster.AddPod("web", "{}", "mounted");
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal("mounted", Assert.Single(cluster.Api.All(VeleroResources.PodVolumeBackups)).Text("spec", "volume"));
        var results = BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-results.gz");
        Assert.Contains("claim shop/unused: ", results, StringComparison.Ordinal);
        Assert.Contains(message, results, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_feature_flag_serves_without_a_location_and_other_providers_keep_their_volumes()
    {
        await using var cluster = await StartAsync(served: true, location: false);
        await using var driver = new SampleDriver(cluster.Api);
        cluster.AddVolume("data", Source);
        cluster.Api.Add(KubernetesResources.VolumeSnapshots, """{"metadata":{"name":"of-a-user","namespace":"shop"},"spec":{"source":{"persistentVolumeClaimName":"data"}}}""");
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal((BackupPhase.Completed, 1L), (backup.Text("status", "phase"), backup.Number("status", "csiVolumeSnapshotsCompleted")));
        // What users snapshot for themselves is theirs: it is neither in the backup nor removed with it.
        Assert.DoesNotContain(BackupContents.ReadArchive(cluster.Bucket, "b").Keys, k => k.Contains("of-a-user", StringComparison.Ordinal));
        Assert.NotNull(cluster.Api.Find(KubernetesResources.VolumeSnapshots, "shop", "of-a-user"));
    }

    [Fact]
    public async Task Snapshots_that_a_controller_left_when_its_backup_failed_are_removed_by_the_next_and_no_others()
    {
        await using var cluster = await StartAsync();
        await using var driver = new SampleDriver(cluster.Api);
        driver.Stored["lost"] = driver.Stored["kept"] = "shop/data";
        Add("lost", "u1");
        Add("kept", "u2");
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"b","namespace":"velero","uid":"u1"},"spec":{},"status":{"phase":"Failed","failureReason":"the controller was stopped"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(KubernetesResources.VolumeSnapshots, "shop", "lost") is null);
        Assert.Equal("Delete", cluster.Api.Find(KubernetesResources.VolumeSnapshotContents, null, "content-lost").Text("spec", "deletionPolicy"));
        Assert.Equal("Retain", cluster.Api.Find(KubernetesResources.VolumeSnapshotContents, null, "content-kept").Text("spec", "deletionPolicy"));
        Assert.NotNull(cluster.Api.Find(KubernetesResources.VolumeSnapshots, "shop", "kept"));

        void Add(string name, string backup)
        {
            cluster.Api.Add(KubernetesResources.VolumeSnapshotContents, $$$"""{"metadata":{"name":"content-{{{name}}}"},"spec":{"deletionPolicy":"Retain"},"status":{"snapshotHandle":"{{{name}}}","readyToUse":true} }""");
            cluster.Api.Add(KubernetesResources.VolumeSnapshots, $$$"""
                {"metadata":{"name":"{{{name}}}","namespace":"shop","labels":{"velero.io/backup-uid":"{{{backup}}}"} },"spec":{"source":{"persistentVolumeClaimName":"data"} },
                 "status":{"boundVolumeSnapshotContentName":"content-{{{name}}}","readyToUse":true} }
                """);
        }
    }

    [Fact]
    public async Task A_deletion_that_the_driver_does_not_carry_out_keeps_the_backup_and_is_made_up_for_later()
    {
        await using var cluster = await StartAsync(patience: TimeSpan.FromSeconds(5));
        await using var driver = new SampleDriver(cluster.Api);
        cluster.AddVolume("data", Source);
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(KubernetesResources.VolumeSnapshotContents).Count == 0);
        driver.Deletes = false;
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d1","namespace":"velero"},"spec":{"backupName":"b"}}""");
        var request = await cluster.WaitForPhaseAsync(VeleroResources.DeleteBackupRequests, "d1", DeleteBackupRequestPhase.Processed);
        var error = request["status"]!["errors"]![0]!.GetValue<string>();
        Assert.StartsWith("snapshot snap-1 of driver disk.example.com: VolumeSnapshotContent velero-delete-", error, StringComparison.Ordinal);
        Assert.EndsWith("is still there after 5s: nothing tells why; see that the driver's csi-snapshotter runs", error, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(cluster.LocationPath, "backups/b/velero-backup.json")));

        driver.Deletes = true;
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d2","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", "b") is null);
        Assert.Empty(driver.Stored);
    }

    private static async Task<ControllerFixture> StartAsync(bool served = true, bool location = true, TimeSpan? patience = null)
    {
        var cluster = await ControllerFixture.StartAsync(o => o with { CsiSnapshots = !location, ResourceTimeout = patience ?? TimeSpan.FromSeconds(20) }, start: false);
        if (served)
        {
            cluster.Api.ServeAlso(KubernetesResources.VolumeSnapshots, KubernetesResources.VolumeSnapshotContents, KubernetesResources.VolumeSnapshotClasses);
            cluster.Api.Add(KubernetesResources.VolumeSnapshotClasses, $$$"""{"metadata":{"name":"snapclass"},"driver":"{{{SampleDriver.Name}}}","deletionPolicy":"Delete"}""");
        }

        if (location) cluster.AddSnapshotLocation("csi", "csi", "{}");
        cluster.StartController();
        return cluster;
    }
}
