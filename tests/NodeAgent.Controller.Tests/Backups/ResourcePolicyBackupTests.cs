using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Backups;

public sealed class ResourcePolicyBackupTests
{
    private const string Reference = "\"resourcePolicy\":{\"kind\":\"configmap\",\"name\":\"rules\"}";

    [Theory]
    // Annotations do not matter where a policy decides.
    [InlineData("fs-backup", "{}", false, "data")]
    [InlineData("fs-backup", """{"backup.velero.io/backup-volumes-excludes":"data,scratch"}""", true, "data")]
    [InlineData("skip", """{"backup.velero.io/backup-volumes":"data,scratch"}""", false, "scratch")]
    [InlineData("snapshot", """{"backup.velero.io/backup-volumes":"data,scratch"}""", false, "scratch")]
    [InlineData("skip", """{"backup.velero.io/backup-volumes-excludes":"unused"}""", true, "scratch")]
    public async Task A_policy_decides_about_the_volumes_that_it_matches_and_annotations_about_the_others(string action, string annotations, bool optOut, string taken)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop(annotations);
        AddPolicy(cluster, $"version: v1\nvolumePolicies:\n- conditions: {{capacity: '1,10Gi'}}\n  action: {{type: {action}}}");
        var backup = await cluster.BackUpAsync("b", $$"""{"includedNamespaces":["shop"],"defaultVolumesToFsBackup":{{(optOut ? "true" : "false")}},{{Reference}}}""");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        Assert.Equal(taken, Assert.Single(cluster.Api.All(VeleroResources.PodVolumeBackups)).Text("spec", "volume"));
    }

    [Fact]
    public async Task What_a_policy_skips_is_told_without_a_warning_and_what_it_wants_a_snapshot_of_with_one()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        AddPolicy(cluster, "version: v1\nvolumePolicies:\n- conditions: {pvcLabels: {tier: gone}}\n  action: {type: skip}\n- conditions: {}\n  action: {type: snapshot}");
        cluster.Api.Patch(KubernetesResources.PersistentVolumeClaims, "shop", "data", """{"metadata":{"labels":{"tier":"gone"}}}""");
        var skipped = await cluster.BackUpAsync("skipped", $$"""{"includedNamespaces":["shop"],{{Reference}}}""");
        Assert.Equal((BackupPhase.Completed, 0L), (skipped.Text("status", "phase"), skipped.Number("status", "warnings")));
        var info = Assert.Single(BackupContents.ReadJson(cluster.Bucket, "backups/skipped/skipped-volumeinfo.json.gz")!.AsArray());
        Assert.Equal(("data", "pv-data", "skipped by the resource policy"), (info.Text("pvcName"), info.Text("pvName"), info.Text("skippedReason")));
        Assert.True(info.IsTrue("skipped"));

        cluster.Api.Patch(KubernetesResources.PersistentVolumeClaims, "shop", "data", """{"metadata":{"labels":null}}""");
        var wanted = await cluster.BackUpAsync("wanted", $$"""{"includedNamespaces":["shop"],{{Reference}}}""");
        Assert.Equal(BackupPhase.Completed, wanted.Text("status", "phase"));
        Assert.Contains("claim shop/data: the resource policy of line 5 wants a snapshot", BackupContents.ReadGzip(cluster.Bucket, "backups/wanted/wanted-results.gz"), StringComparison.Ordinal);
        Assert.Empty(cluster.Api.All(VeleroResources.PodVolumeBackups));
    }

    [Fact]
    public async Task Volumes_of_kinds_that_are_never_taken_are_not_taken_by_a_policy_either()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop("{}");
        AddPolicy(cluster, "version: v1\nvolumePolicies:\n- conditions: {}\n  action: {type: fs-backup}");
        var backup = await cluster.BackUpAsync("b", $$"""{"includedNamespaces":["shop"],{{Reference}}}""");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        // "cert" is a Secret, "unused" is mounted by no container.
        Assert.Equal(["data", "scratch"], cluster.Api.All(VeleroResources.PodVolumeBackups).Select(v => v.Text("spec", "volume")).Order());
    }

    [Theory]
    [InlineData("""{"kind":"configmap","name":"nowhere"}""", "version: v1", "spec.resourcePolicy: ConfigMap velero/nowhere does not exist")]
    [InlineData("""{"kind":"Secret","name":"rules"}""", "version: v1", "spec.resourcePolicy: kind \"Secret\" is not read; a policy is a ConfigMap")]
    [InlineData("""{"kind":"ConfigMap","name":"rules"}""", "version: v3", "spec.resourcePolicy: ConfigMap velero/rules, line 1: version \"v3\" is not known; it must be v1")]
    public async Task A_policy_that_cannot_be_used_fails_the_validation_of_the_backup(string reference, string policy, string message)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        AddPolicy(cluster, policy);
        var backup = await cluster.BackUpAsync("b", $$"""{"includedNamespaces":["shop"],"resourcePolicy":{{reference}}}""");
        Assert.Equal(BackupPhase.FailedValidation, backup.Text("status", "phase"));
        Assert.Equal(message, Assert.Single(backup["status"]!["validationErrors"]!.AsArray())!.GetValue<string>());
    }

    [Fact]
    public async Task A_ConfigMap_with_two_entries_is_no_policy_and_older_filters_do_not_go_with_its_lists()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(KubernetesResources.ConfigMaps, """{"metadata":{"name":"rules","namespace":"velero"},"data":{"a":"version: v1","b":"version: v1"}}""");
        var two = await cluster.BackUpAsync("two", $$"""{{{Reference}}}""");
        Assert.Contains("has 2 entries under data", two["status"]!["validationErrors"]!.ToJsonString(), StringComparison.Ordinal);
        cluster.Api.Patch(KubernetesResources.ConfigMaps, "velero", "rules", """{"data":{"b":null,"a":"version: v1\nincludeExcludePolicy: {excludedNamespaceScopedResources: [secrets]}"}}""");
        var mixed = await cluster.BackUpAsync("mixed", $$"""{"includedResources":["pods"],{{Reference}}}""");
        Assert.Contains("includeExcludePolicy cannot be combined", mixed["status"]!["validationErrors"]!.ToJsonString(), StringComparison.Ordinal);
    }

    [Theory]
    // The backup's own lists stand above the policy's, which add what they do not speak of; names of the other scope count for nothing.
    [InlineData("{excludedNamespaceScopedResources: [secrets]}", "", "configmaps,pods", "secrets")]
    [InlineData("{includedNamespaceScopedResources: [Deployment, persistentvolumes]}", ",\"includedNamespaceScopedResources\":[\"pods\"]", "pods,deployments.apps", "configmaps,secrets")]
    [InlineData("{includedNamespaceScopedResources: [configmaps], excludedNamespaceScopedResources: [pods, secrets]}",
        ",\"includedNamespaceScopedResources\":[\"pods\",\"deployments\"],\"excludedNamespaceScopedResources\":[\"configmaps\"]", "pods,deployments.apps", "configmaps,secrets")]
    [InlineData("{excludedNamespaceScopedResources: [configmaps, secrets]}", ",\"includedNamespaceScopedResources\":[\"*\"]", "configmaps,secrets,pods", "clusterroles.rbac.authorization.k8s.io")]
    [InlineData("{includedClusterScopedResources: [clusterroles]}", "", "clusterroles.rbac.authorization.k8s.io,pods", "nodes")]
    public async Task Lists_of_a_policy_are_joined_to_those_of_the_backup(string lists, string filters, string taken, string left)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop("{}");
        cluster.Api.Add(KubernetesResources.ConfigMaps, """{"metadata":{"name":"c","namespace":"shop"}}""");
        cluster.Api.Add(WellKnownTestKinds.Secrets, """{"metadata":{"name":"s","namespace":"shop"}}""");
        cluster.Api.Add(WellKnownTestKinds.Deployments, """{"metadata":{"name":"d","namespace":"shop"}}""");
        cluster.Api.Add(WellKnownTestKinds.Nodes, """{"metadata":{"name":"n1"}}""");
        cluster.Api.Add(WellKnownTestKinds.ClusterRoles, """{"metadata":{"name":"role"}}""");
        AddPolicy(cluster, $"version: v1\nincludeExcludePolicy: {lists}");
        var backup = await cluster.BackUpAsync("b", $$"""{"includedNamespaces":["shop"]{{filters}},{{Reference}}}""");
        Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        var types = BackupContents.ReadArchive(cluster.Bucket, "b").Keys.Select(k => k.Split('/')[1]).ToHashSet();
        Assert.All(taken.Split(','), t => Assert.Contains(t, types));
        Assert.All(left.Split(','), t => Assert.DoesNotContain(t, types));
    }

    [Theory]
    // Types that a namespace's policy does not name are left out there; the other namespace goes by the backup's filters.
    [InlineData("namespacedFilterPolicies: [{namespaces: [shop], resourceFilters: [{kinds: [ConfigMap]}]}]", "", "configmaps/shop/app-1 configmaps/shop/app-tmp deployments/bar/web secrets/bar/s")]
    [InlineData("namespacedFilterPolicies: [{namespaces: [shop], resourceFilters: [{kinds: [configmap, secret], names: ['app-*'], excludedNames: ['*-tmp']}]}]", "", "configmaps/shop/app-1 deployments/bar/web secrets/bar/s")]
    // Its selectors stand in the place of the backup's, also where it says nothing of labels.
    [InlineData("namespacedFilterPolicies: [{namespaces: ['s*'], resourceFilters: [{kinds: [Deployment], labelSelector: {matchLabels: {app: b}}}, {kinds: ['*']}]}]",
        ",\"labelSelector\":{\"matchLabels\":{\"app\":\"none\"}}", "configmaps/shop/app-1 configmaps/shop/app-tmp deployments/shop/b secrets/shop/s")]
    [InlineData("namespacedFilterPolicies: [{namespaces: [shop], resourceFilters: [{kinds: [Deployment], orLabelSelectors: [{app: a}, {app: b}]}]}]", "", "deployments/bar/web deployments/shop/a deployments/shop/b secrets/bar/s")]
    // What the backup or the policy's lists exclude stays out, and what is excluded of the namespaces too.
    [InlineData("namespacedFilterPolicies: [{namespaces: [shop], resourceFilters: [{kinds: [ConfigMap, Secret]}]}]", ",\"excludedNamespaceScopedResources\":[\"secrets\"]", "configmaps/shop/app-1 configmaps/shop/app-tmp deployments/bar/web")]
    [InlineData("includeExcludePolicy: {excludedNamespaceScopedResources: [configmaps]}\nnamespacedFilterPolicies: [{namespaces: [shop], resourceFilters: [{kinds: [ConfigMap, Secret]}]}]", "", "deployments/bar/web secrets/bar/s secrets/shop/s")]
    [InlineData("namespacedFilterPolicies: [{namespaces: [shop], resourceFilters: [{}]}]", ",\"excludedNamespaces\":[\"sh*\"]", "deployments/bar/web secrets/bar/s")]
    // An exact name comes before patterns, wherever it stands, and the first pattern before the second.
    [InlineData("namespacedFilterPolicies: [{namespaces: ['*'], resourceFilters: [{kinds: [Secret]}]}, {namespaces: ['s??p'], resourceFilters: [{}]}, {namespaces: [bar], resourceFilters: [{kinds: [Deployment]}]}]", "", "deployments/bar/web secrets/shop/s")]
    // Of cluster-scoped types those that are named are narrowed, and the others go by the backup's filters.
    [InlineData("clusterScopedFilterPolicy: {resourceFilters: [{kinds: [ClusterRole], names: ['my-*']}]}\nnamespacedFilterPolicies: [{namespaces: ['*'], resourceFilters: [{kinds: [Pod]}]}]",
        ",\"includedClusterScopedResources\":[\"clusterroles\",\"nodes\"]", "clusterroles/my-role nodes/n1")]
    [InlineData("clusterScopedFilterPolicy: {resourceFilters: [{kinds: [ClusterRole], labelSelector: {matchExpressions: [{key: app, operator: Exists}]}}]}\nnamespacedFilterPolicies: [{namespaces: ['*'], resourceFilters: [{kinds: [Pod]}]}]",
        ",\"includedClusterScopedResources\":[\"clusterroles\"]", "clusterroles/your-role")]
    public async Task Filters_of_single_types_narrow_what_is_taken(string policy, string filters, string expected)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"bar"},"status":{"phase":"Active"}}""");
        foreach (var name in new[] { "app-1", "app-tmp" }) cluster.Api.Add(KubernetesResources.ConfigMaps, $$"""{"metadata":{"name":"{{name}}","namespace":"shop"} }""");
        cluster.Api.Add(WellKnownTestKinds.Secrets, """{"metadata":{"name":"s","namespace":"shop"}}""");
        cluster.Api.Add(WellKnownTestKinds.Secrets, """{"metadata":{"name":"s","namespace":"bar"}}""");
        // The label that excludes stands above all filters.
        cluster.Api.Add(WellKnownTestKinds.Secrets, """{"metadata":{"name":"never","namespace":"shop","labels":{"velero.io/exclude-from-backup":"true"}}}""");
        foreach (var name in new[] { "a", "b", "c" }) cluster.Api.Add(WellKnownTestKinds.Deployments, $$$"""{"metadata":{"name":"{{{name}}}","namespace":"shop","labels":{"app":"{{{name}}}"} } }""");
        cluster.Api.Add(WellKnownTestKinds.Deployments, """{"metadata":{"name":"web","namespace":"bar"}}""");
        cluster.Api.Add(WellKnownTestKinds.Nodes, """{"metadata":{"name":"n1"}}""");
        cluster.Api.Add(WellKnownTestKinds.ClusterRoles, """{"metadata":{"name":"my-role"}}""");
        cluster.Api.Add(WellKnownTestKinds.ClusterRoles, """{"metadata":{"name":"your-role","labels":{"app":"x"}}}""");
        AddPolicy(cluster, $"version: v1\n{policy}");
        var backup = await cluster.BackUpAsync("b", $$"""{"includedNamespaces":["shop","bar"]{{filters}},{{Reference}}}""");
        Assert.Equal((BackupPhase.Completed, 0L), (backup.Text("status", "phase"), backup.Number("status", "warnings")));
        Assert.Equal(expected, string.Join(' ', Taken(cluster, "b")));
    }

    [Fact]
    public async Task What_an_object_needs_comes_along_although_no_filter_names_its_type_but_not_one_whose_name_is_excluded()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop("{}");
        AddPolicy(cluster, "version: v1\nnamespacedFilterPolicies: [{namespaces: [shop], resourceFilters: [{kinds: [Pod]}]}]");
        await cluster.BackUpAsync("needed", $$"""{"includedNamespaces":["shop"],{{Reference}}}""");
        Assert.Equal(["persistentvolumeclaims/shop/data", "persistentvolumes/pv-data", "pods/shop/web"], Taken(cluster, "needed"));

        SetPolicy(cluster, "version: v1\nnamespacedFilterPolicies: [{namespaces: [shop], resourceFilters: [{kinds: [Pod]}, {kinds: [persistentvolumeclaim], excludedNames: [da*]}]}]");
        await cluster.BackUpAsync("excluded", $$"""{"includedNamespaces":["shop"],{{Reference}}}""");
        Assert.Equal(["pods/shop/web"], Taken(cluster, "excluded"));
    }

    [Fact]
    public async Task A_filter_that_can_take_nothing_is_warned_of_and_older_filters_do_not_go_with_it()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        AddPolicy(cluster, "version: v1\nnamespacedFilterPolicies: [{namespaces: [shop], resourceFilters: [{kinds: [ClusterRole, Gizmo]}]}]\nclusterScopedFilterPolicy: {resourceFilters: [{kinds: [Pod]}]}");
        var backup = await cluster.BackUpAsync("b", $$"""{"includedNamespaces":["shop"],{{Reference}}}""");
        Assert.Equal((BackupPhase.Completed, 3L), (backup.Text("status", "phase"), backup.Number("status", "warnings")));
        var warnings = BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-results.gz");
        Assert.Contains("the resource policy's line 2: namespacedFilterPolicies has no effect on \\\"ClusterRole\\\", which is cluster-scoped: did you mean clusterScopedFilterPolicy?", warnings.Replace("\\u0022", "\\\"", StringComparison.Ordinal).Replace("\\u0027", "'", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("which the cluster does not serve", warnings, StringComparison.Ordinal);
        Assert.Contains("did you mean namespacedFilterPolicies?", warnings, StringComparison.Ordinal);

        var mixed = await cluster.BackUpAsync("mixed", $$"""{"includeClusterResources":true,{{Reference}}}""");
        Assert.Contains("namespacedFilterPolicies cannot be combined with includedResources", mixed["status"]!["validationErrors"]!.ToJsonString(), StringComparison.Ordinal);
    }

    [Theory]
    // A backup without a policy of its own goes by the server's; with one, its own comes first and the server's decides where that says nothing.
    [InlineData("", "scratch")]
    [InlineData("version: v1\nvolumePolicies:\n- conditions: {volumeTypes: [emptyDir]}\n  action: {type: skip}", "")]
    [InlineData("version: v1\nvolumePolicies:\n- conditions: {capacity: '1,10Gi'}\n  action: {type: fs-backup}", "data scratch")]
    public async Task The_servers_volume_policies_stand_behind_those_of_each_backup(string own, string taken)
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { GlobalVolumePolicies = "everywhere" });
        cluster.AddShop("""{"backup.velero.io/backup-volumes":"data"}""");
        AddPolicy(cluster, "version: v1\nvolumePolicies:\n- conditions: {capacity: '1,10Gi'}\n  action: {type: skip}\n- conditions: {volumeTypes: [emptyDir]}\n  action: {type: fs-backup}", "everywhere");
        if (own.Length > 0) AddPolicy(cluster, own);
        var backup = await cluster.BackUpAsync("b", $$"""{"includedNamespaces":["shop"]{{(own.Length > 0 ? "," + Reference : "")}}}""");
        Assert.Equal((BackupPhase.Completed, 0L), (backup.Text("status", "phase"), backup.Number("status", "warnings")));
        Assert.Equal(taken, string.Join(' ', cluster.Api.All(VeleroResources.PodVolumeBackups).Select(v => v.Text("spec", "volume")).Order()));
        Assert.Equal("everywhere", backup.Annotation("velero.io/global-backup-volume-policy-configmap"));
    }

    [Fact]
    public async Task Of_the_servers_policy_only_what_is_about_volumes_counts()
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { GlobalVolumePolicies = "everywhere" });
        AddPolicy(cluster, "version: v1\nnamespacedFilterPolicies: [{namespaces: ['*'], resourceFilters: [{kinds: [Pod]}]}]", "everywhere");
        cluster.Api.Add(KubernetesResources.ConfigMaps, """{"metadata":{"name":"c","namespace":"shop"}}""");
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"],"includedResources":["configmaps"]}""");
        Assert.Equal((BackupPhase.Completed, 1L), (backup.Text("status", "phase"), backup.Number("status", "warnings")));
        Assert.Equal(["configmaps/shop/c"], Taken(cluster, "b"));
        Assert.Contains("ConfigMap velero/everywhere, which has the server's volume policies: its namespacedFilterPolicies has no effect", BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-logs.gz"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task While_the_servers_policy_is_missing_or_wrong_backups_fail_their_validation_with_the_flag()
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { GlobalVolumePolicies = "everywhere" });
        Assert.Equal("--global-backup-volume-policies-configmap of the server: ConfigMap velero/everywhere does not exist", Error(await cluster.BackUpAsync("missing")));
        AddPolicy(cluster, "version: v3", "everywhere");
        Assert.Equal("--global-backup-volume-policies-configmap of the server: ConfigMap velero/everywhere, line 1: version \"v3\" is not known; it must be v1", Error(await cluster.BackUpAsync("wrong")));
        SetPolicy(cluster, "version: v1", "everywhere");
        Assert.Equal(BackupPhase.Completed, (await cluster.BackUpAsync("mended", """{"includedNamespaces":["shop"]}""")).Text("status", "phase"));

        static string Error(JsonObject backup) => Assert.Single(backup["status"]!["validationErrors"]!.AsArray())!.GetValue<string>();
    }

    /// <summary>What the archive holds, by type and name, without namespaces and what the controller's own namespace has.</summary>
    private static IEnumerable<string> Taken(ControllerFixture cluster, string backup) =>
        BackupContents.ReadArchive(cluster.Bucket, backup).Keys
            .Where(k => k.StartsWith("resources/", StringComparison.Ordinal) && !k.Contains("preferredversion", StringComparison.Ordinal) && !k.StartsWith("resources/namespaces/", StringComparison.Ordinal))
            .Select(k => k["resources/".Length..^".json".Length].Split('/'))
            .Select(p => $"{p[0].Split('.')[0]}/{string.Join('/', p[2..])}")
            .Order(StringComparer.Ordinal);

    private static void SetPolicy(ControllerFixture cluster, string yaml, string name = "rules") =>
        cluster.Api.Patch(KubernetesResources.ConfigMaps, "velero", name, new JsonObject { ["data"] = new JsonObject { ["policies.yaml"] = yaml } }.ToJsonString());

    private static void AddPolicy(ControllerFixture cluster, string yaml, string name = "rules") =>
        cluster.Api.Add(KubernetesResources.ConfigMaps, new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = "velero" },
            ["data"] = new JsonObject { ["policies.yaml"] = yaml },
        }.ToJsonString());
}
