using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Backups;

/// <summary>The files of a backup, field by field as Velero's own types have them.</summary>
public sealed class BucketFileTests
{
    [Fact]
    public async Task A_backup_has_the_files_that_Velero_writes_and_no_others()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(
            ["b-itemoperations.json.gz", "b-logs.gz", "b-podvolumebackups.json.gz", "b-resource-list.json.gz", "b-results.gz", "b-volumeinfo.json.gz", "b-volumesnapshots.json.gz", "b.tar.gz", "velero-backup.json"],
            Directory.GetFiles(Path.Combine(cluster.LocationPath, "backups/b")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Without_volumes_the_lists_are_empty_and_item_operations_are_null()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        foreach (var file in new[] { "podvolumebackups", "volumesnapshots", "volumeinfo" }) Assert.Equal("[]", BackupContents.ReadGzip(cluster.Bucket, $"backups/b/b-{file}.json.gz"));
        Assert.Equal("null", BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-itemoperations.json.gz"));
    }

    [Fact]
    public async Task Volume_info_tells_of_each_volume_in_Veleros_fields()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop("""{"backup.velero.io/backup-volumes":"data,scratch"}""");
        cluster.Api.Patch(KubernetesResources.PersistentVolumes, null, "pv-data", """{"metadata":{"labels":{"zone":"a"}}}""");
        cluster.Api.Add(KubernetesResources.PersistentVolumes, """{"metadata":{"name":"pv-spare"},"spec":{"persistentVolumeReclaimPolicy":"Retain"}}""");
        cluster.Api.Add(KubernetesResources.PersistentVolumeClaims, """{"metadata":{"name":"spare","namespace":"shop"},"spec":{"volumeName":"pv-spare"},"status":{"phase":"Bound"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"],"snapshotVolumes":false}""");
        var info = BackupContents.ReadJson(cluster.Bucket, "backups/b/b-volumeinfo.json.gz")!.AsArray();
        AssertJson(
            """
            {"backupMethod":"PodVolumeBackup","snapshotDataMoved":false,"preserveLocalSnapshot":false,"skipped":false,"result":"succeeded",
             "pvcName":"data","pvcNamespace":"shop","pvName":"pv-data",
             "pvbInfo":{"snapshotHandle":"snap-data","size":10,"uploaderType":"kopia","volumeName":"data","podName":"web","podNamespace":"shop","nodeName":"n1","Phase":"Completed"},
             "pvInfo":{"reclaimPolicy":"Delete","labels":{"zone":"a"}}}
            """,
            info.Single(i => i.Text("pvcName") == "data"));
        AssertJson(
            """
            {"backupMethod":"PodVolumeBackup","snapshotDataMoved":false,"preserveLocalSnapshot":false,"skipped":false,"result":"succeeded",
             "pvbInfo":{"snapshotHandle":"snap-scratch","size":10,"uploaderType":"kopia","volumeName":"scratch","podName":"web","podNamespace":"shop","nodeName":"n1","Phase":"Completed"}}
            """,
            info.Single(i => i.Text("pvbInfo", "volumeName") == "scratch"));
        AssertJson(
            """
            {"snapshotDataMoved":false,"preserveLocalSnapshot":false,"skipped":true,"skippedReason":"its files were not asked for",
             "pvcName":"spare","pvcNamespace":"shop","pvName":"pv-spare","pvInfo":{"reclaimPolicy":"Retain","labels":null}}
            """,
            info.Single(i => i.Text("pvcName") == "spare"));
        Assert.Equal(3, info.Count);
    }

    [Fact]
    public async Task A_volume_that_failed_is_told_of_as_failed_in_all_files()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AgentOutcome = PodVolumePhase.Failed;
        cluster.AddShop();
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        var info = Assert.Single(BackupContents.ReadJson(cluster.Bucket, "backups/b/b-volumeinfo.json.gz")!.AsArray());
        Assert.Equal(("failed", "Failed"), (info.Text("result"), info.Text("pvbInfo", "Phase")));
        var volume = Assert.Single(BackupContents.ReadJson(cluster.Bucket, "backups/b/b-podvolumebackups.json.gz")!.AsArray());
        Assert.Equal(("velero.io/v1", "PodVolumeBackup", "Failed"), (volume.Text("apiVersion"), volume.Text("kind"), volume.Text("status", "phase")));
        var results = BackupContents.ReadJson(cluster.Bucket, "backups/b/b-results.gz")!;
        Assert.Equal("""["volume data of pod shop/web: Failed: played"]""", results["errors"]!["namespaces"]!["shop"]!.ToJsonString());
        Assert.Equal("{}", results["warnings"]!.ToJsonString());
        Assert.Equal((BackupPhase.PartiallyFailed, 1L, 0L), (backup.Text("status", "phase"), backup.Number("status", "errors"), backup.Number("status", "warnings")));
        Assert.Contains("level=error msg=\"volume data of pod shop/web: Failed: played\"", BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-logs.gz"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_an_agent_remarks_of_a_whole_volume_is_a_warning_of_the_backup()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AgentRemark = "1 mount inside was left out: bucket (fuse.s3fs)";
        cluster.AddShop();
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal((BackupPhase.Completed, 0L, 1L), (backup.Text("status", "phase"), backup.Number("status", "errors"), backup.Number("status", "warnings")));
        var warnings = BackupContents.ReadJson(cluster.Bucket, "backups/b/b-results.gz")!["warnings"]!["namespaces"]!["shop"]!;
        Assert.Equal("""["volume data of pod shop/web: 1 mount inside was left out: bucket (fuse.s3fs)"]""", warnings.ToJsonString());
    }

    [Fact]
    public async Task The_resource_list_has_each_object_under_its_version_and_kind_in_order()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop("{}");
        foreach (var name in new[] { "z", "a" }) cluster.Api.Add(WellKnownTestKinds.Deployments, $$"""{"metadata":{"name":"{{name}}","namespace":"shop"} }""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        AssertJson(
            """
            {"apps/v1/Deployment":["shop/a","shop/z"],"v1/Namespace":["shop"],"v1/PersistentVolume":["pv-data"],"v1/PersistentVolumeClaim":["shop/data"],"v1/Pod":["shop/web"]}
            """,
            BackupContents.ReadJson(cluster.Bucket, "backups/b/b-resource-list.json.gz"));
    }

    [Fact]
    public async Task The_status_is_the_same_in_the_cluster_and_in_the_bucket_and_counts_as_Veleros()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"],"ttl":"1h"}""");
        var stored = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(cluster.LocationPath, "backups/b/velero-backup.json"), TestContext.Current.CancellationToken))!;
        AssertJson(stored["status"]!.ToJsonString(), backup["status"]);
        Assert.Equal("Backup", stored.Text("kind"));
        var status = (JsonObject)backup["status"]!.DeepClone();
        var (started, ended, expires) = (Time("startTimestamp"), Time("completionTimestamp"), Time("expiration"));
        Assert.Equal(started.AddHours(1), expires);
        Assert.True(ended >= started);
        AssertJson("""{"phase":"Completed","version":1,"formatVersion":"1.1.0","progress":{"totalItems":4,"itemsBackedUp":4},"hookStatus":{},"errors":0,"warnings":0}""", status);

        DateTimeOffset Time(string name)
        {
            var time = DateTimeOffset.Parse(status[name]!.GetValue<string>(), System.Globalization.CultureInfo.InvariantCulture);
            status.Remove(name);
            return time;
        }
    }

    private static void AssertJson(string expected, JsonNode? actual) =>
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), actual), $"expected {JsonNode.Parse(expected)!.ToJsonString()}\nactual   {actual?.ToJsonString()}");
}
