using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Restores;

/// <summary>What of a backup a restore brings back: Velero's cases of filters.</summary>
public sealed class RestoreFilterTests
{
    private static readonly ResourceKind[] Kinds = [WellKnownTestKinds.ConfigMaps, WellKnownTestKinds.Deployments, WellKnownTestKinds.ClusterRoles, KubernetesResources.PersistentVolumes];

    private const string All = "clusterroles/r configmaps/a/x configmaps/a/y configmaps/b/x deployments/a/d persistentvolumes/v";

    [Theory]
    [InlineData("{}", All)]
    [InlineData("""{"includedResources":["*"]}""", All)]
    [InlineData("""{"includedNamespaces":["*"]}""", All)]
    [InlineData("""{"includeClusterResources":true}""", All)]
    [InlineData("""{"includedResources":["configmaps"]}""", "configmaps/a/x configmaps/a/y configmaps/b/x")]
    [InlineData("""{"includedResources":["ConfigMap","deployments.apps"]}""", "configmaps/a/x configmaps/a/y configmaps/b/x deployments/a/d")]
    [InlineData("""{"excludedResources":["configmaps"]}""", "clusterroles/r deployments/a/d persistentvolumes/v")]
    [InlineData("""{"includedResources":["configmaps","persistentvolumes"],"excludedResources":["configmap"]}""", "persistentvolumes/v")]
    [InlineData("""{"includedNamespaces":["a"]}""", "configmaps/a/x configmaps/a/y deployments/a/d")]
    [InlineData("""{"includedNamespaces":["a*"]}""", "configmaps/a/x configmaps/a/y deployments/a/d")]
    [InlineData("""{"includedNamespaces":["?"],"excludedNamespaces":["b"]}""", "configmaps/a/x configmaps/a/y deployments/a/d")]
    [InlineData("""{"excludedNamespaces":["a"]}""", "configmaps/b/x")]
    [InlineData("""{"includedNamespaces":["a"],"includeClusterResources":true}""", "clusterroles/r configmaps/a/x configmaps/a/y deployments/a/d persistentvolumes/v")]
    [InlineData("""{"includeClusterResources":false}""", "configmaps/a/x configmaps/a/y configmaps/b/x deployments/a/d")]
    [InlineData("""{"includedResources":["persistentvolumes","configmaps"],"includeClusterResources":false}""", "configmaps/a/x configmaps/a/y configmaps/b/x")]
    [InlineData("""{"labelSelector":{"matchLabels":{"app":"one"}}}""", "clusterroles/r configmaps/a/x")]
    [InlineData("""{"labelSelector":{"matchExpressions":[{"key":"app","operator":"In","values":["one","two"]}]}}""", "clusterroles/r configmaps/a/x configmaps/b/x")]
    [InlineData("""{"orLabelSelectors":[{"matchLabels":{"app":"two"}},{"matchLabels":{"tier":"front"}}]}""", "configmaps/b/x deployments/a/d")]
    [InlineData("""{"labelSelector":{"matchLabels":{"app":"none"}}}""", "")]
    [InlineData("""{"includedNamespaces":["absent"]}""", "")]
    public async Task A_restore_brings_back_what_its_filters_say(string filter, string expected)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        foreach (var ns in new[] { "a", "b" }) cluster.Api.Add(KubernetesResources.Namespaces, $$"""{"metadata":{"name":"{{ns}}"} }""");
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"x","namespace":"a","labels":{"app":"one"}}}""");
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"y","namespace":"a"}}""");
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"x","namespace":"b","labels":{"app":"two"}}}""");
        cluster.Api.Add(WellKnownTestKinds.Deployments, """{"metadata":{"name":"d","namespace":"a","labels":{"tier":"front"}}}""");
        cluster.Api.Add(WellKnownTestKinds.ClusterRoles, """{"metadata":{"name":"r","labels":{"app":"one"}}}""");
        cluster.Api.Add(KubernetesResources.PersistentVolumes, """{"metadata":{"name":"v"},"spec":{"persistentVolumeReclaimPolicy":"Retain"}}""");
        Assert.Equal(BackupPhase.Completed, (await cluster.BackUpAsync("backup", """{"includedNamespaces":["a","b"],"includeClusterResources":true}""")).Text("status", "phase"));
        foreach (var kind in Kinds)
        {
            foreach (var item in cluster.Api.All(kind).Where(i => i.Namespace() is "" or "a" or "b")) cluster.Api.Remove(kind, item.Namespace(), item.Name());
        }

        foreach (var ns in new[] { "a", "b" }) cluster.Api.Remove(KubernetesResources.Namespaces, null, ns);
        var restore = await cluster.RestoreAsync("restore", """{"backupName":"backup",""" + (filter == "{}" ? "\"restorePVs\":true}" : filter[1..]));
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        var found = Kinds.SelectMany(k => cluster.Api.All(k).Where(i => i.Label(VeleroLabels.RestoreName) == "restore").Select(i => $"{k.Plural}/{i.QualifiedName()}"));
        Assert.Equal(expected, string.Join(' ', found.Order(StringComparer.Ordinal)));
        // A restore that finds nothing to do says so.
        Assert.Equal(expected.Length == 0 ? 1 : 0, restore.Number("status", "warnings"));
    }

    [Theory]
    [InlineData("namespacedFilterPolicies: [{namespaces: [a], resourceFilters: [{kinds: [ConfigMap], names: ['[xz]']}]}]", "", "configmaps/a/x configmaps/b/x")]
    [InlineData("namespacedFilterPolicies: [{namespaces: ['?'], resourceFilters: [{kinds: [ConfigMap], labelSelector: {matchLabels: {app: two}}}, {kinds: ['*']}]}]", "", "configmaps/b/x deployments/a/d")]
    // The restore's own filters come first, and its selector counts where no policy speaks.
    [InlineData("namespacedFilterPolicies: [{namespaces: [a], resourceFilters: [{kinds: [ConfigMap, Deployment]}]}]", ",\"excludedResources\":[\"configmaps\"]", "deployments/a/d")]
    [InlineData("namespacedFilterPolicies: [{namespaces: [a], resourceFilters: [{kinds: [Deployment]}]}]", ",\"labelSelector\":{\"matchLabels\":{\"app\":\"two\"}}", "configmaps/b/x deployments/a/d")]
    // Namespaces are those of the backup, whatever they are called here.
    [InlineData("namespacedFilterPolicies: [{namespaces: [a], resourceFilters: [{kinds: [Deployment]}]}]", ",\"namespaceMapping\":{\"a\":\"c\",\"b\":\"a\"}", "configmaps/a/x deployments/c/d")]
    [InlineData("clusterScopedFilterPolicy: {resourceFilters: [{kinds: [ClusterRole], excludedNames: ['r*']}]}", ",\"includeClusterResources\":true,\"excludedNamespaces\":[\"a\",\"b\"]", "persistentvolumes/v")]
    public async Task A_policy_narrows_what_a_restore_brings_back(string policy, string filter, string expected)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        foreach (var ns in new[] { "a", "b" }) cluster.Api.Add(KubernetesResources.Namespaces, $$"""{"metadata":{"name":"{{ns}}"} }""");
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"x","namespace":"a","labels":{"app":"one"}}}""");
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"y","namespace":"a"}}""");
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"x","namespace":"b","labels":{"app":"two"}}}""");
        cluster.Api.Add(WellKnownTestKinds.Deployments, """{"metadata":{"name":"d","namespace":"a","labels":{"tier":"front"}}}""");
        cluster.Api.Add(WellKnownTestKinds.ClusterRoles, """{"metadata":{"name":"r"}}""");
        cluster.Api.Add(KubernetesResources.PersistentVolumes, """{"metadata":{"name":"v"},"spec":{"persistentVolumeReclaimPolicy":"Retain"}}""");
        Assert.Equal(BackupPhase.Completed, (await cluster.BackUpAsync("backup", """{"includedNamespaces":["a","b"],"includeClusterResources":true}""")).Text("status", "phase"));
        foreach (var kind in Kinds)
        {
            foreach (var item in cluster.Api.All(kind).Where(i => i.Namespace() is "" or "a" or "b")) cluster.Api.Remove(kind, item.Namespace(), item.Name());
        }

        foreach (var ns in new[] { "a", "b" }) cluster.Api.Remove(KubernetesResources.Namespaces, null, ns);
        AddPolicy(cluster, "filters", $"version: v1\n{policy}");
        var clusterScoped = filter.Contains("includeClusterResources", StringComparison.Ordinal) ? "" : ",\"includeClusterResources\":false";
        var restore = await cluster.RestoreAsync("restore", $$"""{"backupName":"backup","resourcePolicy":{"kind":"configmap","name":"filters"}{{filter}}{{clusterScoped}}}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        var found = Kinds.SelectMany(k => cluster.Api.All(k).Where(i => i.Label(VeleroLabels.RestoreName) == "restore").Select(i => $"{k.Plural}/{i.QualifiedName()}"));
        Assert.Equal(expected, string.Join(' ', found.Order(StringComparer.Ordinal)));
    }

    [Theory]
    [InlineData("volumePolicies: [{action: {type: skip}}]", "spec.resourcePolicy: ConfigMap velero/filters: volumePolicies is for backups; a restore takes namespacedFilterPolicies and clusterScopedFilterPolicy")]
    [InlineData("includeExcludePolicy: {excludedClusterScopedResources: [nodes]}", "spec.resourcePolicy: ConfigMap velero/filters: includeExcludePolicy is for backups")]
    [InlineData("namespacedFilterPolicies: [{}]", "spec.resourcePolicy: ConfigMap velero/filters, line 2: a policy of namespacedFilterPolicies needs namespaces")]
    public async Task A_policy_that_a_restore_cannot_use_fails_its_validation(string policy, string message)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.BackUpAsync("backup", """{"includedNamespaces":["shop"]}""");
        AddPolicy(cluster, "filters", $"version: v1\n{policy}");
        var restore = await cluster.RestoreAsync("restore", """{"backupName":"backup","resourcePolicy":{"kind":"configmap","name":"filters"}}""");
        Assert.Equal(RestorePhase.FailedValidation, restore.Text("status", "phase"));
        Assert.StartsWith(message, Assert.Single(restore["status"]!["validationErrors"]!.AsArray())!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_volumes_pods_come_back_with_empty_ones_and_wait_for_nothing()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b","restorePVs":false}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.Empty(cluster.Api.Find(KubernetesResources.Pods, "shop", "web").Objects("spec", "initContainers"));
        Assert.Empty(cluster.Api.All(VeleroResources.PodVolumeRestores));
        Assert.NotNull(cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "data"));
    }

    [Fact]
    public async Task How_files_are_written_is_passed_to_the_agents()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        await cluster.RestoreAsync("r", """{"backupName":"b","uploaderConfig":{"parallelFilesDownload":7,"writeSparseFiles":true}}""");
        var settings = Assert.Single(cluster.Api.All(VeleroResources.PodVolumeRestores)).StringMap("spec", "uploaderSettings");
        Assert.Equal(("7", "true"), (settings["ParallelFilesDownload"], settings["WriteSparseFiles"]));
    }

    private static void AddPolicy(ControllerFixture cluster, string name, string yaml) =>
        cluster.Api.Add(KubernetesResources.ConfigMaps, new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = "velero" },
            ["data"] = new JsonObject { ["policy"] = yaml },
        }.ToJsonString());
}
