using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Backups;

public sealed class BackupTests
{
    [Fact]
    public async Task A_backup_of_a_namespace_stores_its_objects_volumes_and_metadata_as_Velero_lays_them_out()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        for (var i = 0; i < 8; i++) cluster.Api.Add(WellKnownTestKinds.ConfigMaps, $$"""{"metadata":{"name":"c{{i}}","namespace":"shop"},"data":{"k":"v"} }""");
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"secretive","namespace":"shop","labels":{"velero.io/exclude-from-backup":"true"}}}""");
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"elsewhere","namespace":"velero"}}""");

        var backup = await cluster.BackUpAsync("first", """{"includedNamespaces":["shop"]}""");

        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal("default", backup.Text("spec", "storageLocation"));
        Assert.Equal("720h0m0s", backup.Text("spec", "ttl"));
        Assert.Equal("v1.31.0", backup.Annotation(VeleroLabels.SourceClusterGitVersion));
        var archive = BackupContents.ReadArchive(cluster.Bucket, "first");
        Assert.Equal("metadata/version", archive.Keys.First());
        Assert.Equal("1.1.0\n", archive["metadata/version"]);
        Assert.Contains("resources/pods/namespaces/shop/web.json", archive.Keys);
        Assert.Contains("resources/pods/v1-preferredversion/namespaces/shop/web.json", archive.Keys);
        Assert.Contains("resources/persistentvolumeclaims/namespaces/shop/data.json", archive.Keys);
        Assert.Contains("resources/persistentvolumes/cluster/pv-data.json", archive.Keys);
        Assert.Contains("resources/namespaces/cluster/shop.json", archive.Keys);
        Assert.Equal(8, archive.Keys.Count(k => k.StartsWith("resources/configmaps/namespaces/shop/c", StringComparison.Ordinal)));
        Assert.DoesNotContain(archive.Keys, k => k.Contains("secretive", StringComparison.Ordinal) || k.Contains("elsewhere", StringComparison.Ordinal));
        var pod = JsonNode.Parse(archive["resources/pods/namespaces/shop/web.json"])!;
        Assert.Equal("Pod", pod.Text("kind"));
        Assert.Equal((archive.Count - 1) / 2, backup.Number("status", "progress", "itemsBackedUp"));

        var volume = Assert.Single(cluster.Api.All(VeleroResources.PodVolumeBackups));
        Assert.Equal("data", volume.Text("spec", "volume"));
        Assert.Equal("n1", volume.Text("spec", "node"));
        Assert.Equal("web", volume.Text("spec", "tags", "pod"));
        Assert.Equal("first", volume.Label(VeleroLabels.BackupName));
        Assert.Equal(backup.Uid(), volume.Label(VeleroLabels.BackupUid));
        Assert.Equal("data", volume.Annotation(VeleroLabels.PvcName));
        Assert.Equal(VeleroLabels.DataFormatV1, volume.Annotation(VeleroLabels.DataFormat));
        Assert.Equal("snap-data", BackupContents.ReadJson(cluster.Bucket, "backups/first/first-podvolumebackups.json.gz")![0].Text("status", "snapshotID"));
        var info = BackupContents.ReadJson(cluster.Bucket, "backups/first/first-volumeinfo.json.gz")![0];
        Assert.Equal("pv-data", info.Text("pvName"));
        Assert.Equal("PodVolumeBackup", info.Text("backupMethod"));
        Assert.Equal("null", BackupContents.ReadGzip(cluster.Bucket, "backups/first/first-itemoperations.json.gz"));
        Assert.Contains("shop/web", BackupContents.ReadJson(cluster.Bucket, "backups/first/first-resource-list.json.gz")!["v1/Pod"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.Contains("level=info", BackupContents.ReadGzip(cluster.Bucket, "backups/first/first-logs.gz"), StringComparison.Ordinal);
        var metadata = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(cluster.LocationPath, "backups/first/velero-backup.json"), TestContext.Current.CancellationToken))!;
        Assert.Equal(BackupPhase.Completed, metadata.Text("status", "phase"));
        Assert.Equal("velero.io/v1", metadata.Text("apiVersion"));
    }

    [Theory]
    [InlineData("""{"storageLocation":"nowhere"}""", "backup storage location \"nowhere\" does not exist; create it, or name another")]
    [InlineData("""{"labelSelector":{"matchLabels":{"a":"b"}},"orLabelSelectors":[{"matchLabels":{"a":"c"}}]}""", "exclude each other")]
    [InlineData("""{"labelSelector":{"matchExpressions":[{"key":"a","operator":"Like"}]}}""", "\"Like\"")]
    [InlineData("""{"includedNamespaces":["shop"],"excludedNamespaces":["shop"]}""", "both included and excluded")]
    [InlineData("""{"includedResources":["pods"],"includedClusterScopedResources":["*"]}""", "cannot be combined")]
    [InlineData("""{"ttl":"soon"}""", "$.spec.ttl")]
    [InlineData("""{"ttl":"-1h"}""", "spec.ttl: -1h0m0s is negative")]
    [InlineData("""{"snapshotMoveData":true}""", "spec.snapshotMoveData: moving snapshot data is not supported; use defaultVolumesToFsBackup")]
    public async Task A_backup_that_cannot_be_made_says_why(string spec, string message)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var backup = await cluster.BackUpAsync("bad", spec);
        Assert.Equal(BackupPhase.FailedValidation, backup.Text("status", "phase"));
        Assert.Contains(message, backup["status"]!["validationErrors"]!.AsArray().Single()!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_opt_out_all_volumes_but_the_excluded_ones_are_taken_and_the_unfit_ones_explained()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop("""{"backup.velero.io/backup-volumes-excludes":"scratch"}""");
        var backup = await cluster.BackUpAsync("all", """{"includedNamespaces":["shop"],"defaultVolumesToFsBackup":true}""");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal("data", Assert.Single(cluster.Api.All(VeleroResources.PodVolumeBackups)).Text("spec", "volume"));
    }

    [Theory]
    [InlineData("""{"defaultVolumesToRestic":true}""", false, "data scratch")]
    [InlineData("""{"defaultVolumesToFsBackup":true}""", false, "data scratch")]
    [InlineData("""{"defaultVolumesToFsBackup":false}""", true, "")]
    [InlineData("""{"defaultVolumesToFsBackup":false,"defaultVolumesToRestic":true}""", false, "data scratch")]
    [InlineData("""{"defaultVolumesToRestic":false}""", true, "data scratch")]
    [InlineData("{}", true, "data scratch")]
    [InlineData("{}", false, "")]
    public async Task Whether_volumes_are_taken_unasked_is_said_by_the_backup_or_else_by_the_server(string spec, bool server, string volumes)
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { DefaultVolumesToFsBackup = server });
        cluster.AddShop("{}");
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"],""" + spec[1..].Insert(0, spec == "{}" ? "\"snapshotVolumes\":false" : "\"snapshotVolumes\":false,"));
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal(volumes, string.Join(' ', cluster.Api.All(VeleroResources.PodVolumeBackups).Select(v => v.Text("spec", "volume")).Order()));
        Assert.Equal(volumes.Length > 0, backup.IsTrue("spec", "defaultVolumesToFsBackup"));
    }

    [Theory]
    [InlineData("{}", null, null)]
    [InlineData("""{"uploaderConfig":{"parallelFilesUpload":7}}""", "7", null)]
    [InlineData("""{"uploaderConfig":{"parallelFilesUpload":0},"backupType":"Incremental"}""", null, null)]
    [InlineData("""{"backupType":"Full"}""", null, "none")]
    public async Task How_files_are_read_is_passed_to_the_agents(string spec, string? parallel, string? parent)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", spec);
        var volume = Assert.Single(cluster.Api.All(VeleroResources.PodVolumeBackups));
        Assert.Equal((parallel, parent), (volume.Text("spec", "uploaderSettings", "ParallelFilesUpload"), volume.Text("spec", "parentSnapshot")));
    }

    [Fact]
    public async Task A_namespace_that_is_marked_is_left_out_with_all_that_is_in_it_and_the_backup_is_one_of_a_part()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"left","labels":{"velero.io/exclude-from-backup":"true"}},"status":{"phase":"Active"}}""");
        foreach (var ns in new[] { "shop", "left" }) cluster.Api.Add(WellKnownTestKinds.ConfigMaps, $$"""{"metadata":{"name":"c","namespace":"{{ns}}"} }""");
        cluster.Api.Add(WellKnownTestKinds.ClusterRoles, """{"metadata":{"name":"role"}}""");
        Assert.Equal(BackupPhase.Completed, (await cluster.BackUpAsync("b")).Text("status", "phase"));
        var files = BackupContents.ReadArchive(cluster.Bucket, "b").Keys.ToList();
        Assert.Contains("resources/configmaps/namespaces/shop/c.json", files);
        Assert.DoesNotContain("resources/configmaps/namespaces/left/c.json", files);
        Assert.DoesNotContain("resources/namespaces/cluster/left.json", files);
        // As when the backup itself excluded it: what belongs to no namespace stays out.
        Assert.DoesNotContain("resources/clusterroles.rbac.authorization.k8s.io/cluster/role.json", files);
    }

    [Fact]
    public async Task A_backup_says_in_which_cluster_and_location_it_was_made()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(("v1.31.0", "1", "31", "5s"), (
            backup.Annotation("velero.io/source-cluster-k8s-gitversion"), backup.Annotation("velero.io/source-cluster-k8s-major-version"),
            backup.Annotation("velero.io/source-cluster-k8s-minor-version"), backup.Annotation("velero.io/resource-timeout")));
        Assert.Equal("default", backup.Label("velero.io/storage-location"));
    }

    [Fact]
    public async Task Volumes_of_a_pod_that_does_not_run_are_left_out_with_a_warning_and_no_error()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop(phase: "Pending");
        var backup = await cluster.BackUpAsync("pending", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal(1, backup.Number("status", "warnings"));
        Assert.Empty(cluster.Api.All(VeleroResources.PodVolumeBackups));
        var info = Assert.Single(BackupContents.ReadJson(cluster.Bucket, "backups/pending/pending-volumeinfo.json.gz")!.AsArray());
        Assert.Contains("not running", info.Text("skippedReason"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_volume_on_a_node_without_an_agent_is_an_error_and_the_backup_partially_fails()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop(node: "n9");
        var backup = await cluster.BackUpAsync("lonely", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.PartiallyFailed, backup.Text("status", "phase"));
        var errors = BackupContents.ReadJson(cluster.Bucket, "backups/lonely/lonely-results.gz")!["errors"]!["namespaces"]!["shop"]!.AsArray();
        Assert.Contains("no agent runs on node n9", Assert.Single(errors)!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_heartbeat_lease_stands_for_an_agent_where_there_is_no_pod()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(KubernetesResources.Leases, """{"metadata":{"name":"nodeagent-n9","namespace":"velero"},"spec":{"holderIdentity":"n9","renewTime":"2020-01-01T00:00:00.000000Z"}}""");
        cluster.AddShop(node: "n9");
        var backup = await cluster.BackUpAsync("leased", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal("n9", Assert.Single(cluster.Api.All(VeleroResources.PodVolumeBackups)).Text("spec", "node"));
    }

    [Fact]
    public async Task Volumes_that_take_too_long_are_cancelled_and_the_backup_ends_partially_failed()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AgentOutcome = null;
        cluster.AddShop();
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"slow","namespace":"velero","annotations":{"velero.io/pod-volume-timeout":"300ms"}},"spec":{"includedNamespaces":["shop"]}}""");
        await cluster.WaitForPhaseAsync(VeleroResources.Backups, "slow", BackupPhase.InProgress);
        var backup = await cluster.WaitForEndAsync(VeleroResources.Backups, "slow");
        Assert.Equal(BackupPhase.PartiallyFailed, backup.Text("status", "phase"));
        Assert.Equal(PodVolumePhase.Canceled, Assert.Single(cluster.Api.All(VeleroResources.PodVolumeBackups)).Text("status", "phase"));
    }

    [Fact]
    public async Task A_backup_left_in_progress_by_a_dead_controller_fails_and_its_volumes_are_cancelled()
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        cluster.AgentOutcome = null;
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"orphan","namespace":"velero","uid":"uid-1"},"spec":{},"status":{"phase":"InProgress"}}""");
        cluster.Api.Add(VeleroResources.PodVolumeBackups, """{"metadata":{"name":"orphan-x","namespace":"velero","labels":{"velero.io/backup-uid":"uid-1"}},"spec":{},"status":{"phase":"InProgress"}}""");
        cluster.StartController();
        var backup = await cluster.WaitForEndAsync(VeleroResources.Backups, "orphan");
        Assert.Equal(BackupPhase.Failed, backup.Text("status", "phase"));
        Assert.Contains("controller stopped", backup.Text("status", "failureReason"), StringComparison.Ordinal);
        await cluster.WaitForPhaseAsync(VeleroResources.PodVolumeBackups, "orphan-x", PodVolumePhase.Canceled);
    }

    [Fact]
    public async Task Status_is_written_on_the_object_itself_where_the_definitions_have_no_status_subresource()
    {
        await using var cluster = await ControllerFixture.StartAsync(hasStatusSubresource: false);
        var backup = await cluster.BackUpAsync("plain", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
    }

    [Fact]
    public async Task A_server_that_refuses_every_third_request_does_not_fail_a_backup()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        cluster.Api.RefuseEvery = 3;
        var backup = await cluster.BackUpAsync("bumpy", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal(0, backup.Number("status", "errors"));
    }

    [Fact]
    public async Task What_a_silent_group_serves_is_missed_with_a_warning_and_the_rest_is_backed_up()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"settings","namespace":"shop"}}""");
        cluster.Api.Add(WellKnownTestKinds.Jobs, """{"metadata":{"name":"job","namespace":"shop"}}""");
        cluster.Api.SilentGroup = "batch";
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal(1, backup.Number("status", "warnings"));
        Assert.Contains("batch/v1", BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-results.gz"), StringComparison.Ordinal);
        var files = BackupContents.ReadArchive(cluster.Bucket, "b").Keys;
        Assert.Contains("resources/configmaps/namespaces/shop/settings.json", files);
        Assert.DoesNotContain("resources/jobs.batch/namespaces/shop/job.json", files);
    }

    [Fact]
    public async Task A_name_that_the_location_already_holds_is_refused()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.BackUpAsync("twice", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Remove(VeleroResources.Backups, "velero", "twice");
        var backup = await cluster.BackUpAsync("twice", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.FailedValidation, backup.Text("status", "phase"));
    }

    [Fact]
    public async Task An_included_namespace_that_does_not_exist_is_an_error()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var backup = await cluster.BackUpAsync("ghost", """{"includedNamespaces":["shop","ghost"]}""");
        Assert.Equal(BackupPhase.PartiallyFailed, backup.Text("status", "phase"));
        Assert.Equal(1, backup.Number("status", "errors"));
    }

    [Fact]
    public async Task Label_selectors_choose_objects_and_pods_bring_their_claims()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"other","namespace":"shop"}}""");
        await cluster.BackUpAsync("web", """{"includedNamespaces":["shop"],"orLabelSelectors":[{"matchLabels":{"app":"db"}},{"matchExpressions":[{"key":"app","operator":"In","values":["web"]}]}]}""");
        var archive = BackupContents.ReadArchive(cluster.Bucket, "web");
        Assert.Contains("resources/pods/namespaces/shop/web.json", archive.Keys);
        Assert.Contains("resources/persistentvolumeclaims/namespaces/shop/data.json", archive.Keys);
        Assert.DoesNotContain("resources/configmaps/namespaces/shop/other.json", archive.Keys);
    }

    [Theory]
    [InlineData("GET /api/v1/persistentvolumes/pv-data", "resources/persistentvolumes/cluster/pv-data.json")]
    [InlineData("GET /apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "resources/clusterrolebindings.rbac.authorization.k8s.io/cluster/bound.json")]
    [InlineData("GET /api/v1/namespaces/shop", null)]
    public async Task A_related_object_that_cannot_be_read_is_one_error_and_everything_else_is_in_the_backup(string fault, string? missing)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop("{}");
        cluster.Api.Add(KubernetesResources.Pods, """{"metadata":{"name":"zeta","namespace":"shop"},"spec":{"nodeName":"n1"},"status":{"phase":"Running"}}""");
        cluster.Api.Add(KubernetesResources.PersistentVolumeClaims, """{"metadata":{"name":"zeta","namespace":"shop"}}""");
        foreach (var account in new[] { "first", "zeta" }) cluster.Api.Add(KubernetesResources.ServiceAccounts, $$"""{"metadata":{"name":"{{account}}","namespace":"shop"} }""");
        cluster.Api.Add(WellKnownTestKinds.ClusterRoleBindings, """{"metadata":{"name":"bound"},"subjects":[{"kind":"ServiceAccount","name":"first","namespace":"shop"}],"roleRef":{"name":"role"}}""");
        cluster.Api.Add(WellKnownTestKinds.ClusterRoles, """{"metadata":{"name":"role"}}""");
        string[] all =
        [
            "resources/pods/namespaces/shop/web.json", "resources/pods/namespaces/shop/zeta.json", "resources/persistentvolumeclaims/namespaces/shop/data.json",
            "resources/persistentvolumeclaims/namespaces/shop/zeta.json", "resources/persistentvolumes/cluster/pv-data.json", "resources/serviceaccounts/namespaces/shop/first.json",
            "resources/serviceaccounts/namespaces/shop/zeta.json", "resources/clusterrolebindings.rbac.authorization.k8s.io/cluster/bound.json", "resources/namespaces/cluster/shop.json",
        ];
        cluster.Api.Faults[fault] = true;
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.PartiallyFailed, backup.Text("status", "phase"));
        var results = BackupContents.ReadJson(cluster.Bucket, "backups/b/b-results.gz")!["errors"]!.ToJsonString();
        Assert.Equal(1, backup.Number("status", "errors"));
        Assert.Contains("etcd is full", results, StringComparison.Ordinal);
        var archive = BackupContents.ReadArchive(cluster.Bucket, "b");
        Assert.All(all.Where(a => a != missing), a => Assert.Contains(a, archive.Keys));
    }

    [Fact]
    public async Task A_pod_whose_volumes_cannot_be_requested_is_in_the_backup_all_the_same()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        cluster.Api.Faults["POST /apis/velero.io/v1/namespaces/velero/podvolumebackups"] = true;
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal(BackupPhase.PartiallyFailed, backup.Text("status", "phase"));
        Assert.Contains("resources/pods/namespaces/shop/web.json", BackupContents.ReadArchive(cluster.Bucket, "b").Keys);
        Assert.Contains("requesting the volumes of pod shop/web", BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-results.gz"), StringComparison.Ordinal);
    }
}
