using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Selection;

/// <summary>
/// Backups of one cluster with all kinds of filters. P1 is a pod of shop with claim C1, whose volume is V1; D1 a deployment and W1 a custom resource
/// beside it, defined by R1. P2 and D2 are in store. V2 and R2 belong to nobody. N1, N2 and N3 are the namespaces shop, store and idle.
/// P1, D2, V2 and N3 have the label app: web.
/// </summary>
public sealed class BackupFilterCaseTests(FilterCluster shared) : IClassFixture<FilterCluster>
{
    private const string All = "P1 P2 C1 V1 V2 D1 D2 W1 R1 R2 N1 N2 N3";

    private static int _backups;

    [Theory]
    [InlineData("{}", All)]
    [InlineData("""{"includedNamespaces":["*"]}""", All)]
    [InlineData("""{"includeClusterResources":true}""", All)]
    [InlineData("""{"includedResources":["*"]}""", All)]
    // Types.
    [InlineData("""{"includedResources":["deployments","persistentvolumeclaims"]}""", "C1 D1 D2 N1 N2")]
    [InlineData("""{"includedResources":["Deployment","pod"]}""", "P1 P2 D1 D2 N1 N2")]
    [InlineData("""{"includedResources":["deploy*"]}""", "D1 D2 N1 N2")]
    [InlineData("""{"includedResources":["*.example.com"]}""", "W1 R1 N1")]
    [InlineData("""{"excludedResources":["deployments.apps"]}""", "P1 P2 C1 V1 V2 W1 R1 R2 N1 N2 N3")]
    [InlineData("""{"excludedResources":["*.apps","persistentvolumes"]}""", "P1 P2 C1 W1 R1 R2 N1 N2 N3")]
    [InlineData("""{"includedResources":["unicorns","deployments"]}""", "D1 D2 N1 N2")]
    [InlineData("""{"includedResources":["unicorns"]}""", "")]
    [InlineData("""{"excludedResources":["unicorns"]}""", All)]
    [InlineData("""{"excludedResources":["namespaces"]}""", "P1 P2 C1 V1 V2 D1 D2 W1 R1 R2")]
    // Namespaces. Those of a part of the cluster bring of the cluster's objects only what they need.
    [InlineData("""{"includedNamespaces":["shop"]}""", "P1 C1 V1 D1 W1 R1 N1")]
    [InlineData("""{"excludedNamespaces":["shop"]}""", "P2 D2 N2 N3")]
    [InlineData("""{"includedNamespaces":["sh*"]}""", "P1 C1 V1 D1 W1 R1 N1")]
    [InlineData("""{"includedNamespaces":["st?re"]}""", "P2 D2 N2")]
    [InlineData("""{"includedNamespaces":["s[a-h]op","[x-z]*"]}""", "P1 C1 V1 D1 W1 R1 N1")]
    [InlineData("""{"includedNamespaces":["s*"],"excludedNamespaces":["*ore"]}""", "P1 C1 V1 D1 W1 R1 N1")]
    [InlineData("""{"excludedNamespaces":["s*","vel[a-f]ro"]}""", "N3")]
    [InlineData("""{"includedNamespaces":["nothing-*"]}""", "")]
    [InlineData("""{"includedNamespaces":[""]}""", "")]
    [InlineData("""{"includedNamespaces":["idle"]}""", "N3")]
    // Whether the cluster's objects come along.
    [InlineData("""{"includedNamespaces":["shop"],"includeClusterResources":true}""", "P1 C1 V1 V2 D1 W1 R1 R2 N1")]
    [InlineData("""{"includedNamespaces":["shop"],"includeClusterResources":false}""", "P1 C1 D1 W1 N1")]
    [InlineData("""{"includeClusterResources":false}""", "P1 P2 C1 D1 D2 W1 N1 N2")]
    [InlineData("""{"includedNamespaces":["shop"],"excludedResources":["customresourcedefinitions.apiextensions.k8s.io"]}""", "P1 C1 V1 D1 W1 N1")]
    [InlineData("""{"includedNamespaces":["shop"],"excludedResources":["persistentvolumes"]}""", "P1 C1 D1 W1 R1 N1")]
    // Labels. A pod brings its claim, and namespaces come by label, by name, or with what is in them.
    [InlineData("""{"labelSelector":{"matchLabels":{"app":"web"}}}""", "P1 C1 V1 V2 D2 N1 N2 N3")]
    [InlineData("""{"orLabelSelectors":[{"matchLabels":{"app":"web"}},{"matchLabels":{"app":"other"}}]}""", "P1 C1 V1 V2 D2 N1 N2 N3")]
    [InlineData("""{"labelSelector":{"matchExpressions":[{"key":"app","operator":"NotIn","values":["web"]},{"key":"app","operator":"Exists"}]}}""", "")]
    [InlineData("""{"includedNamespaces":["shop"],"labelSelector":{"matchLabels":{"app":"web"}}}""", "P1 C1 V1 N1 N3")]
    [InlineData("""{"excludedNamespaces":["idle"],"labelSelector":{"matchLabels":{"app":"web"}}}""", "P1 C1 V1 D2 N1 N2 N3")]
    public async Task A_backup_takes_what_its_filters_admit(string spec, string expected) => Assert.Equal(Sorted(expected), await TakeAsync(spec));

    [Theory]
    [InlineData("""{"includedClusterScopedResources":["*"]}""", All)]
    [InlineData("""{"includedNamespaceScopedResources":["*"]}""", All)]
    [InlineData("""{"includedNamespaces":["*"],"includedNamespaceScopedResources":["*"]}""", All)]
    [InlineData("""{"includedClusterScopedResources":["*"],"includedNamespaceScopedResources":["*"]}""", All)]
    // Nothing of namespaces but themselves.
    [InlineData("""{"includedClusterScopedResources":["persistentvolumes"],"excludedNamespaceScopedResources":["*"]}""", "V1 V2 N1 N2 N3")]
    [InlineData("""{"includedClusterScopedResources":["*"],"excludedNamespaceScopedResources":["*"]}""", "V1 V2 R1 R2 N1 N2 N3")]
    // Nothing of the cluster, namespaces included.
    [InlineData("""{"excludedClusterScopedResources":["*"]}""", "P1 P2 C1 D1 D2 W1")]
    [InlineData("""{"includedNamespaces":["shop"],"excludedClusterScopedResources":["*"]}""", "P1 C1 D1 W1")]
    [InlineData("""{"includedNamespaceScopedResources":["pods","deployments"],"excludedClusterScopedResources":["*"]}""", "P1 P2 D1 D2")]
    [InlineData("""{"includedNamespaces":["shop"],"includedNamespaceScopedResources":["pods","deployments"],"excludedClusterScopedResources":["*"]}""", "P1 D1")]
    [InlineData("""{"excludedNamespaceScopedResources":["pods"],"excludedClusterScopedResources":["*"]}""", "C1 D1 D2 W1")]
    [InlineData("""{"excludedClusterScopedResources":["namespaces"]}""", "P1 P2 C1 V1 D1 D2 W1 R1")]
    // Of the cluster only what is needed.
    [InlineData("""{"includedNamespaces":["shop"],"includedNamespaceScopedResources":["pods","persistentvolumeclaims"]}""", "P1 C1 V1 N1")]
    [InlineData("""{"includedNamespaces":["shop"],"excludedNamespaceScopedResources":["deployments"]}""", "P1 C1 V1 W1 R1 N1")]
    [InlineData("""{"excludedNamespaceScopedResources":["deployments"]}""", "P1 P2 C1 V1 W1 R1 N1 N2 N3")]
    [InlineData("""{"includedNamespaces":["*"],"includedNamespaceScopedResources":["deployments"]}""", "D1 D2 N1 N2 N3")]
    [InlineData("""{"includedNamespaces":["shop"],"includedNamespaceScopedResources":["Secrets"]}""", "N1")]
    [InlineData("""{"excludedClusterScopedResources":["persistentvolumes"]}""", "P1 P2 C1 D1 D2 W1 R1 N1 N2 N3")]
    // Some of the cluster besides.
    [InlineData("""{"includedNamespaces":["shop"],"includedClusterScopedResources":["customresourcedefinitions"]}""", "P1 C1 V1 D1 W1 R1 R2 N1")]
    [InlineData("""{"includedNamespaceScopedResources":["persistentvolumeclaims"],"includedClusterScopedResources":["customresourcedefinitions"]}""", "C1 V1 R1 R2 N1 N2 N3")]
    [InlineData("""{"includedNamespaces":["shop"],"includedNamespaceScopedResources":["pods","persistentvolumeclaims"],"includedClusterScopedResources":["customresourcedefinitions"]}""", "P1 C1 V1 R1 R2 N1")]
    [InlineData("""{"includedNamespaces":["shop"],"includedNamespaceScopedResources":["pods"],"includedClusterScopedResources":["persistentvolumes"]}""", "P1 V1 V2 N1")]
    [InlineData("""{"includedClusterScopedResources":["*volumes"]}""", "P1 P2 C1 V1 V2 D1 D2 W1 R1 N1 N2 N3")]
    // All of the cluster besides.
    [InlineData("""{"includedNamespaces":["shop"],"includedClusterScopedResources":["*"]}""", "P1 C1 V1 V2 D1 W1 R1 R2 N1")]
    [InlineData("""{"includedNamespaceScopedResources":["pods"],"includedClusterScopedResources":["*"]}""", "P1 P2 V1 V2 R1 R2 N1 N2 N3")]
    [InlineData("""{"includedNamespaces":["shop"],"includedNamespaceScopedResources":["pods"],"includedClusterScopedResources":["*"]}""", "P1 V1 V2 R1 R2 N1")]
    [InlineData("""{"includedClusterScopedResources":["*"],"excludedNamespaceScopedResources":["pods","widgets"]}""", "C1 V1 V2 D1 D2 R1 R2 N1 N2 N3")]
    // Definitions come with what they define, unless they are excluded.
    [InlineData("""{"includedNamespaces":["shop"],"includedNamespaceScopedResources":["widgets.example.com"]}""", "W1 R1 N1")]
    [InlineData("""{"includedNamespaces":["shop"],"includedNamespaceScopedResources":["widgets"],"excludedClusterScopedResources":["customresourcedefinitions"]}""", "W1 N1")]
    // Labels.
    [InlineData("""{"includedNamespaceScopedResources":["*"],"labelSelector":{"matchLabels":{"app":"web"}}}""", "P1 C1 V1 V2 D2 N1 N2 N3")]
    [InlineData("""{"includedNamespaceScopedResources":["pods"],"labelSelector":{"matchLabels":{"app":"web"}}}""", "P1 N1 N3")]
    public async Task A_backup_takes_what_its_filters_by_scope_admit(string spec, string expected) => Assert.Equal(Sorted(expected), await TakeAsync(spec));

    [Theory]
    [InlineData("""{"includedClusterScopedResources":["deployments"]}""", "P1 P2 C1 V1 D1 D2 W1 R1 N1 N2 N3", "spec.includedClusterScopedResources: deployments.apps is in namespaces; name it in includedNamespaceScopedResources")]
    [InlineData("""{"includedNamespaceScopedResources":["persistentvolumes"]}""", "N1 N2 N3", "spec.includedNamespaceScopedResources: persistentvolumes is in no namespace; name it in includedClusterScopedResources")]
    [InlineData("""{"excludedClusterScopedResources":["pods"]}""", All, "spec.excludedClusterScopedResources: pods is in namespaces; name it in excludedNamespaceScopedResources")]
    [InlineData("""{"excludedNamespaceScopedResources":["persistentvolumes"]}""", All, "spec.excludedNamespaceScopedResources: persistentvolumes is in no namespace; name it in excludedClusterScopedResources")]
    public async Task A_type_in_the_list_of_the_other_scope_has_no_effect_and_is_warned_of(string spec, string expected, string warning)
    {
        Assert.Equal(Sorted(expected), await TakeAsync(spec));
        Assert.Contains(warning, BackupContents.ReadGzip(shared.Controller.Bucket, $"backups/{Name}/{Name}-results.gz"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_the_value_true_of_the_label_keeps_an_object_out_also_where_other_labels_choose_it()
    {
        await TakeAsync("""{"includedNamespaces":["store"],"labelSelector":{"matchLabels":{"only":"marked"}}}""");
        Assert.Equal(["resources/configmaps/namespaces/store/kept.json"], BackupContents.ReadArchive(shared.Controller.Bucket, Name).Keys.Where(k => k.StartsWith("resources/configmaps/namespaces", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("""{"includedNamespaces":["*","shop"]}""", "namespaces: \"*\" stands beside other included names")]
    [InlineData("""{"excludedNamespaces":["*"]}""", "namespaces: excluding \"*\" leaves nothing")]
    [InlineData("""{"includedNamespaces":["shop-**"]}""", "namespaces: \"shop-**\" has two * in a row")]
    [InlineData("""{"excludedNamespaces":["shop{a,b}"]}""", "namespaces: \"shop{a,b}\" holds one of")]
    [InlineData("""{"includedNamespaces":["Shop"]}""", "namespaces: \"Shop\" is no name of a namespace")]
    [InlineData("""{"includedResources":["pods"],"excludedResources":["pods"]}""", "resources: \"pods\" is both included and excluded")]
    [InlineData("""{"excludedResources":["*"]}""", "resources: excluding \"*\" leaves nothing")]
    [InlineData("""{"includedClusterScopedResources":["persistentvolumes"],"excludedClusterScopedResources":["*"]}""", "cluster-scoped resources: \"*\" is excluded")]
    [InlineData("""{"excludedNamespaceScopedResources":["*","pods"]}""", "namespace-scoped resources: \"*\" stands beside other excluded names")]
    [InlineData("""{"includedNamespaceScopedResources":["pods"],"excludedNamespaceScopedResources":["pods"]}""", "namespace-scoped resources: \"pods\" is both included and excluded")]
    [InlineData("""{"includeClusterResources":false,"excludedClusterScopedResources":["*"]}""", "cannot be combined")]
    [InlineData("""{"excludedResources":["pods"],"includedNamespaceScopedResources":["pods"]}""", "cannot be combined")]
    public async Task Filters_that_contradict_themselves_fail_the_validation(string spec, string problem)
    {
        var backup = await shared.Controller.BackUpAsync($"filtered-{Interlocked.Increment(ref _backups)}", spec);
        Assert.Equal(BackupPhase.FailedValidation, backup.Text("status", "phase"));
        Assert.Contains(problem, Assert.Single(backup["status"]!["validationErrors"]!.AsArray())!.GetValue<string>(), StringComparison.Ordinal);
    }

    private string Name { get; } = $"filtered-{Interlocked.Increment(ref _backups)}";

    private async Task<IEnumerable<string>> TakeAsync(string spec)
    {
        var backup = await shared.Controller.BackUpAsync(Name, spec);
        Assert.Equal((BackupPhase.Completed, 0L), (backup.Text("status", "phase"), backup.Number("status", "errors")));
        return BackupContents.ReadArchive(shared.Controller.Bucket, Name).Keys.Where(FilterCluster.Codes.ContainsKey).Select(k => FilterCluster.Codes[k]).Order(StringComparer.Ordinal);
    }

    private static IEnumerable<string> Sorted(string codes) => codes.Split(' ', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal);
}
