using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Restores;

public sealed class RestoreTests
{
    [Fact]
    public async Task A_lost_namespace_comes_back_with_its_volumes_provisioned_anew_and_filled()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"settings","namespace":"shop"},"data":{"k":"v"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();

        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");

        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.Equal("v", cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", "settings").Text("data", "k"));
        var pod = cluster.Api.Find(KubernetesResources.Pods, "shop", "web")!;
        Assert.Equal("r", pod.Label(VeleroLabels.RestoreName));
        Assert.Equal("b", pod.Label(VeleroLabels.BackupName));
        Assert.Null(pod["status"]);
        Assert.Null(pod.At("metadata", "ownerReferences"));
        var wait = pod.Objects("spec", "initContainers").Single();
        Assert.Equal("restore-wait", wait.Text("name"));
        Assert.Equal("registry.example/nodeagent:1", wait.Text("image"));
        Assert.Equal(restore.Uid(), wait["args"]![0]!.GetValue<string>());
        Assert.Equal("/restores/data", wait.Objects("volumeMounts").Single().Text("mountPath"));
        var claim = cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "data")!;
        Assert.Null(claim.Text("spec", "volumeName"));
        Assert.Null(claim.Annotation("pv.kubernetes.io/bind-completed"));
        Assert.Equal("me", claim.Annotation("keep"));
        Assert.Null(cluster.Api.Find(KubernetesResources.PersistentVolumes, null, "pv-data"));
        var volume = Assert.Single(cluster.Api.All(VeleroResources.PodVolumeRestores));
        Assert.Equal("snap-data", volume.Text("spec", "snapshotID"));
        Assert.Equal("shop", volume.Text("spec", "sourceNamespace"));
        Assert.Equal(pod.Uid(), volume.Text("spec", "pod", "uid"));
        Assert.Equal(claim.Uid(), volume.Label(VeleroLabels.PvcUid));
        Assert.Equal(restore.Uid(), volume.Label(VeleroLabels.RestoreUid));
        var list = BackupContents.ReadJson(cluster.Bucket, "restores/r/restore-r-resource-list.json.gz")!;
        Assert.Contains("shop/web(created)", list["v1/Pod"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.Contains("level=info", BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-logs.gz"), StringComparison.Ordinal);
        Assert.Equal("PodVolumeRestore", BackupContents.ReadJson(cluster.Bucket, "restores/r/r-volumeinfo.json.gz")![0].Text("restoreMethod"));
    }

    [Fact]
    public async Task A_restore_into_another_namespace_leaves_the_first_alone()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b","namespaceMapping":{"shop":"shop-test"}}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.NotNull(cluster.Api.Find(KubernetesResources.Namespaces, null, "shop-test"));
        Assert.NotNull(cluster.Api.Find(KubernetesResources.Pods, "shop-test", "web"));
        Assert.Null(cluster.Api.Find(KubernetesResources.Pods, "shop", "web")!.Label(VeleroLabels.RestoreName));
        var volume = Assert.Single(cluster.Api.All(VeleroResources.PodVolumeRestores));
        Assert.Equal("shop-test", volume.Text("spec", "pod", "namespace"));
        Assert.Equal("shop", volume.Text("spec", "sourceNamespace"));
    }

    [Theory]
    [InlineData("", "theirs", 1, "skipped")]
    [InlineData("none", "theirs", 1, "skipped")]
    [InlineData("update", "ours", 0, "updated")]
    public async Task What_exists_and_differs_is_kept_or_updated_as_the_policy_says(string policy, string expected, int warnings, string outcome)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"settings","namespace":"shop"},"data":{"owner":"ours"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Patch(WellKnownTestKinds.ConfigMaps, "shop", "settings", """{"data":{"owner":"theirs","new":"1"}}""");
        var restore = await cluster.RestoreAsync("r", $$"""{"backupName":"b","existingResourcePolicy":"{{policy}}"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.Equal(warnings, restore.Number("status", "warnings"));
        Assert.Equal(expected, cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", "settings").Text("data", "owner"));
        Assert.Contains($"shop/settings({outcome})", BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-resource-list.json.gz"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_object_that_is_being_deleted_is_waited_for_and_made_anew()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Patch(KubernetesResources.Pods, "shop", "web", """{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"}}""");
        cluster.Api.Add(VeleroResources.Restores, """{"metadata":{"name":"r","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await cluster.WaitForPhaseAsync(VeleroResources.Restores, "r", RestorePhase.InProgress);
        while (!cluster.Api.Writes.Contains("POST /api/v1/namespaces/shop/pods")) await Task.Delay(5, TestContext.Current.CancellationToken);
        cluster.Api.Remove(KubernetesResources.Pods, "shop", "web");
        var restore = await cluster.WaitForEndAsync(VeleroResources.Restores, "r");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        var pod = cluster.Api.Find(KubernetesResources.Pods, "shop", "web")!;
        Assert.Equal("r", pod.Label(VeleroLabels.RestoreName));
        // Its volumes are asked for as those of any other pod, or it would wait for them for ever.
        Assert.Equal(pod.Uid(), Assert.Single(cluster.Api.All(VeleroResources.PodVolumeRestores)).Text("spec", "pod", "uid"));
    }

    [Fact]
    public async Task Objects_that_stay_in_deletion_fail_by_name_after_one_wait_for_all_of_them()
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { ResourceTimeout = TimeSpan.FromSeconds(1), PollInterval = TimeSpan.FromMilliseconds(100) });
        for (var i = 0; i < 20; i++) cluster.Api.Add(WellKnownTestKinds.ConfigMaps, $$"""{"metadata":{"name":"stuck-{{i}}","namespace":"shop"} }""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        for (var i = 0; i < 20; i++) cluster.Api.Patch(WellKnownTestKinds.ConfigMaps, "shop", $"stuck-{i}", """{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"}}""");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        Assert.Equal(20, restore.Number("status", "errors"));
        Assert.Contains("shop/stuck-7: the one in the cluster is still being deleted", BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-results.gz"), StringComparison.Ordinal);
        // One wait of ten looks, and then one look for each; waits for every one would be 200.
        Assert.InRange(cluster.Api.Writes.Count(w => w == "POST /api/v1/namespaces/shop/configmaps"), 30, 31);
    }

    [Theory]
    [InlineData("v2", true, "the cluster serves it as batch/v2, not as batch/v1")]
    [InlineData("v1", false, "in the backup it lives in a namespace, in the cluster in none")]
    public async Task An_object_that_the_cluster_serves_differently_by_now_fails_alone(string version, bool namespaced, string reason)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(WellKnownTestKinds.Jobs, """{"metadata":{"name":"job","namespace":"shop"}}""");
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"settings","namespace":"shop"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.Api.Serve(WellKnownTestKinds.Jobs with { Version = version, Namespaced = namespaced });
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        Assert.Equal(1, restore.Number("status", "errors"));
        Assert.Contains(reason, BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-results.gz"), StringComparison.Ordinal);
        Assert.NotNull(cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", "settings"));
        Assert.Empty(cluster.Api.All(WellKnownTestKinds.Jobs));
    }

    [Fact]
    public async Task Service_accounts_are_merged_whatever_the_policy()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(KubernetesResources.ServiceAccounts, """{"metadata":{"name":"sa","namespace":"shop","labels":{"a":"backup","b":"backup"}},"imagePullSecrets":[{"name":"p"}]}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Remove(KubernetesResources.ServiceAccounts, "shop", "sa");
        cluster.Api.Add(KubernetesResources.ServiceAccounts, """{"metadata":{"name":"sa","namespace":"shop","labels":{"a":"cluster"}},"imagePullSecrets":[{"name":"q"}]}""");
        await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        var account = cluster.Api.Find(KubernetesResources.ServiceAccounts, "shop", "sa")!;
        Assert.Equal("cluster", account.Label("a"));
        Assert.Equal("backup", account.Label("b"));
        Assert.Equal(["q", "p"], account.Objects("imagePullSecrets").Select(s => s.Text("name")));
    }

    [Fact]
    public async Task Services_and_jobs_lose_what_the_old_cluster_chose_for_them()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(WellKnownTestKinds.Services, """
            {"metadata":{"name":"s","namespace":"shop","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"spec\":{\"ports\":[{\"name\":\"fixed\",\"nodePort\":30001}]}}"}},
             "spec":{"type":"NodePort","clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1"],"ports":[{"name":"fixed","nodePort":30001},{"name":"auto","nodePort":30002}]}}
            """);
        cluster.Api.Add(WellKnownTestKinds.Services, """{"metadata":{"name":"headless","namespace":"shop"},"spec":{"clusterIP":"None"}}""");
        cluster.Api.Add(WellKnownTestKinds.Jobs, """{"metadata":{"name":"j","namespace":"shop"},"spec":{"selector":{"matchLabels":{"controller-uid":"x","a":"b"}},"template":{"metadata":{"labels":{"batch.kubernetes.io/controller-uid":"x"}}}}}""");
        cluster.Api.Add(WellKnownTestKinds.Jobs, """{"metadata":{"name":"done","namespace":"shop"},"status":{"completionTime":"2026-01-01T00:00:00Z"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        var service = cluster.Api.Find(WellKnownTestKinds.Services, "shop", "s")!;
        Assert.Null(service.At("spec", "clusterIP"));
        Assert.Equal([30001, 0], service.Objects("spec", "ports").Select(p => p.Number("nodePort")));
        Assert.Equal("None", cluster.Api.Find(WellKnownTestKinds.Services, "shop", "headless").Text("spec", "clusterIP"));
        var job = cluster.Api.Find(WellKnownTestKinds.Jobs, "shop", "j")!;
        Assert.Equal("b", job.Text("spec", "selector", "matchLabels", "a"));
        Assert.Null(job.Text("spec", "selector", "matchLabels", "controller-uid"));
        Assert.Null(job.Text("spec", "template", "metadata", "labels", "batch.kubernetes.io/controller-uid"));
        Assert.Null(cluster.Api.Find(WellKnownTestKinds.Jobs, "shop", "done"));
    }

    [Fact]
    public async Task A_volume_that_the_agent_cannot_restore_makes_the_restore_partially_fail()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.AgentOutcome = PodVolumePhase.Failed;
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        var errors = BackupContents.ReadJson(cluster.Bucket, "restores/r/restore-r-results.gz")!["errors"]!["namespaces"]!["shop"]!.AsArray();
        Assert.Contains("played", Assert.Single(errors)!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pod_scheduled_to_a_node_without_an_agent_fails_its_volumes()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.AgentOutcome = null;
        cluster.ScheduledNode = "n9";
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        Assert.Contains("no agent runs on node n9", Assert.Single(cluster.Api.All(VeleroResources.PodVolumeRestores)).Text("status", "message"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"backupName":"missing"}""", "\"missing\" does not exist")]
    [InlineData("""{}""", "either a backup or a schedule")]
    [InlineData("""{"backupName":"b","scheduleName":"s"}""", "either a backup or a schedule")]
    [InlineData("""{"scheduleName":"s"}""", "no completed backup")]
    [InlineData("""{"backupName":"b","existingResourcePolicy":"replace"}""", "neither none nor update")]
    [InlineData("""{"backupName":"b","namespaceMapping":{"a":"Not A Name"}}""", "no name of a namespace")]
    [InlineData("""{"backupName":"b","includedResources":["nodes"]}""", "nodes cannot be restored")]
    [InlineData("""{"backupName":"b","includedNamespaces":"shop"}""", "$.spec.includedNamespaces")]
    public async Task A_restore_that_cannot_be_made_says_why(string spec, string message)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        var restore = await cluster.RestoreAsync("bad", spec);
        Assert.Equal(RestorePhase.FailedValidation, restore.Text("status", "phase"));
        Assert.Contains(message, Assert.Single(restore["status"]!["validationErrors"]!.AsArray())!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_archive_fails_the_restore_and_changes_nothing()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"settings","namespace":"shop"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        var archive = Path.Combine(cluster.LocationPath, "backups/b/b.tar.gz");
        var bytes = await File.ReadAllBytesAsync(archive, TestContext.Current.CancellationToken);
        bytes[bytes.Length / 2] ^= 0xff;
        await File.WriteAllBytesAsync(archive, bytes, TestContext.Current.CancellationToken);
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.Failed, restore.Text("status", "phase"));
        Assert.NotEmpty(restore.Text("status", "failureReason")!);
        Assert.Null(cluster.Api.Find(KubernetesResources.Namespaces, null, "shop"));
    }

    [Theory]
    [InlineData("{}", "3", null)]
    [InlineData("""{"includedResources":["deployments"]}""", "3", "9")]
    [InlineData("""{"includedResources":["*"],"excludedResources":["deployments.apps"]}""", "3", null)]
    public async Task Status_comes_back_only_where_the_restore_asks_for_it(string restoreStatus, string replicas, string? observed)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(WellKnownTestKinds.Deployments, """{"metadata":{"name":"d","namespace":"shop"},"spec":{"replicas":"3"},"status":{"observed":"9"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Remove(WellKnownTestKinds.Deployments, "shop", "d");
        await cluster.RestoreAsync("r", $$"""{"backupName":"b","restoreStatus":{{restoreStatus}} }""");
        var deployment = cluster.Api.Find(WellKnownTestKinds.Deployments, "shop", "d");
        Assert.Equal(replicas, deployment.Text("spec", "replicas"));
        Assert.Equal(observed, deployment.Text("status", "observed"));
    }

    [Fact]
    public async Task A_namespace_that_does_not_end_its_deletion_is_waited_for_once_and_reported()
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { ResourceTimeout = TimeSpan.FromMilliseconds(300) });
        for (var i = 0; i < 40; i++) cluster.Api.Add(WellKnownTestKinds.ConfigMaps, $$"""{"metadata":{"name":"c{{i}}","namespace":"shop"} }""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.Api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"shop","deletionTimestamp":"2026-01-01T00:00:00Z"}}""");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        Assert.Equal(41, restore.Number("status", "errors"));
    }

    [Fact]
    public async Task A_restore_left_in_progress_by_a_dead_controller_fails()
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        cluster.Api.Add(VeleroResources.Restores, """{"metadata":{"name":"orphan","namespace":"velero"},"spec":{"backupName":"b"},"status":{"phase":"InProgress"}}""");
        cluster.StartController();
        var restore = await cluster.WaitForEndAsync(VeleroResources.Restores, "orphan");
        Assert.Equal(RestorePhase.Failed, restore.Text("status", "phase"));
        Assert.Contains("controller stopped", restore.Text("status", "failureReason"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_schedule_stands_for_its_newest_completed_backup()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"old","namespace":"velero","labels":{"velero.io/schedule-name":"s"}},"spec":{"includedNamespaces":["shop"]}}""");
        await cluster.WaitForEndAsync(VeleroResources.Backups, "old");
        cluster.Api.Patch(VeleroResources.Backups, "velero", "old", """{"status":{"startTimestamp":"2020-01-01T00:00:00Z"}}""");
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"new","namespace":"velero","labels":{"velero.io/schedule-name":"s"}},"spec":{"includedNamespaces":["shop"]}}""");
        await cluster.WaitForEndAsync(VeleroResources.Backups, "new");
        var restore = await cluster.RestoreAsync("r", """{"scheduleName":"s"}""");
        Assert.Equal("new", restore.Text("spec", "backupName"));
    }

    [Fact]
    public async Task Deleting_a_restore_removes_its_files()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.True(Directory.Exists(Path.Combine(cluster.LocationPath, "restores/r")));
        using var client = new ApiClient(cluster.Api.Config);
        await new ClusterClient(client).DeleteAsync(VeleroResources.Restores, "velero", "r", TestContext.Current.CancellationToken);
        for (var i = 0; i < 500 && cluster.Api.Find(VeleroResources.Restores, "velero", "r") is not null; i++) await Task.Delay(20, TestContext.Current.CancellationToken);
        Assert.Null(cluster.Api.Find(VeleroResources.Restores, "velero", "r"));
        Assert.False(Directory.Exists(Path.Combine(cluster.LocationPath, "restores/r")));
    }

    [Fact]
    public async Task Volume_data_of_Velero_itself_is_named_as_unreadable()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        var file = JsonNode.Parse(BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-podvolumebackups.json.gz"))!;
        file[0]!["metadata"]!.AsObject().Remove("annotations");
        await cluster.Bucket.PutAsync("backups/b/b-podvolumebackups.json.gz", NodeAgent.Controller.Storage.GzipJson.Encode(file), TestContext.Current.CancellationToken);
        cluster.LoseShop();
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        Assert.Empty(cluster.Api.Find(KubernetesResources.Pods, "shop", "web")!.Objects("spec", "initContainers"));
    }
}
