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

    private static void AddPolicy(ControllerFixture cluster, string yaml) =>
        cluster.Api.Add(KubernetesResources.ConfigMaps, new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = "rules", ["namespace"] = "velero" },
            ["data"] = new JsonObject { ["policies.yaml"] = yaml },
        }.ToJsonString());
}
