using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups.Policies;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Selection;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Backups;

/// <summary>Which resource types, namespaces and objects a backup takes: the older filters or the scoped ones, never both.</summary>
internal sealed class BackupFilter
{
    /// <summary>Annotation of a Backup that takes no more than some pods and what they need: their names with commas between them.</summary>
    public const string PodsAnnotation = "nodeagent.io/pods";

    private readonly BackupSpec _spec;
    private readonly bool _scoped;
    private readonly IncludesExcludes _resources;
    private readonly IncludesExcludes _cluster;
    private readonly IncludesExcludes _namespaced;

    /// <param name="policy">Lists of a resource policy; null when there is none. They make the filters scoped ones.</param>
    /// <param name="namespaces">The namespaces of the cluster that the spec's patterns came to; null means all.</param>
    public BackupFilter(BackupSpec spec, ScopedFilters? policy, ResourceNames names, IReadOnlySet<string>? namespaces, IReadOnlyList<string> excludedNamespaces)
    {
        _spec = spec;
        _scoped = HasScoped(spec) || policy is not null;
        _resources = names.Resolve(spec.IncludedResources, spec.ExcludedResources);
        // A type that is included in the list of the other scope stays there, since a list that it leaves empty would mean all types.
        _cluster = new IncludesExcludes(names.Resolve(spec.IncludedClusterScopedResources, null).Includes, [.. names.OfScope(spec.ExcludedClusterScopedResources, namespaced: false)]);
        _namespaced = new IncludesExcludes(names.Resolve(spec.IncludedNamespaceScopedResources, null).Includes, [.. names.OfScope(spec.ExcludedNamespaceScopedResources, namespaced: true)]);
        Misplaced =
        [
            .. names.OfOtherScope(spec.IncludedClusterScopedResources, namespaced: false).Select(n => $"spec.includedClusterScopedResources: {n} is in namespaces; name it in includedNamespaceScopedResources"),
            .. names.OfOtherScope(spec.ExcludedClusterScopedResources, namespaced: false).Select(n => $"spec.excludedClusterScopedResources: {n} is in namespaces; name it in excludedNamespaceScopedResources"),
            .. names.OfOtherScope(spec.IncludedNamespaceScopedResources, namespaced: true).Select(n => $"spec.includedNamespaceScopedResources: {n} is in no namespace; name it in includedClusterScopedResources"),
            .. names.OfOtherScope(spec.ExcludedNamespaceScopedResources, namespaced: true).Select(n => $"spec.excludedNamespaceScopedResources: {n} is in no namespace; name it in excludedClusterScopedResources"),
        ];
        if (policy is not null)
        {
            _cluster = Combine(_cluster, names.OfScope(policy.IncludedClusterScoped, namespaced: false), names.OfScope(policy.ExcludedClusterScoped, namespaced: false));
            _namespaced = Combine(_namespaced, names.OfScope(policy.IncludedNamespaceScoped, namespaced: true), names.OfScope(policy.ExcludedNamespaceScoped, namespaced: true));
        }

        Labels = new LabelSelectors(spec.LabelSelector, spec.OrLabelSelectors);
        Namespaces = namespaces;
        ExcludedNamespaces = new IncludesExcludes(null, excludedNamespaces);
    }

    /// <summary>Types that stand in a list of the scope that they are not of and so have no effect, one sentence each.</summary>
    public IReadOnlyList<string> Misplaced { get; }

    /// <summary>The pods that alone are taken; null for everything that the rest admits.</summary>
    public IReadOnlySet<string>? OnlyPods { get; init; }

    /// <summary>The policy's filters of single types.</summary>
    public FineFilters Fine { get; init; } = FineFilters.None;

    public LabelSelectors Labels { get; }

    public IReadOnlySet<string>? Namespaces { get; }

    public IncludesExcludes ExcludedNamespaces { get; }

    public bool TakesAllNamespaces => Namespaces is null && ExcludedNamespaces.Excludes.Count == 0;

    public static IEnumerable<string> Problems(BackupSpec spec)
    {
        var old = spec.IncludedResources is { Count: > 0 } || spec.ExcludedResources is { Count: > 0 } || spec.IncludeClusterResources is not null;
        if (old && HasScoped(spec))
        {
            yield return "the scoped resource filters cannot be combined with includedResources, excludedResources or includeClusterResources";
        }

        var problems = new IncludesExcludes(spec.IncludedNamespaces, spec.ExcludedNamespaces).Problems("namespaces")
            .Concat(new IncludesExcludes(spec.IncludedResources, spec.ExcludedResources).Problems("resources"))
            .Concat(new IncludesExcludes(spec.IncludedClusterScopedResources, spec.ExcludedClusterScopedResources).Problems("cluster-scoped resources", mayExcludeAll: true))
            .Concat(new IncludesExcludes(spec.IncludedNamespaceScopedResources, spec.ExcludedNamespaceScopedResources).Problems("namespace-scoped resources", mayExcludeAll: true))
            .Concat(LabelSelectors.Problems(spec.LabelSelector, spec.OrLabelSelectors))
            .Concat(NamespacePattern.Problems(spec.IncludedNamespaces, spec.ExcludedNamespaces));
        foreach (var problem in problems) yield return problem;
    }

    /// <summary>Whether all objects of the type are looked through. Namespaces have rules of their own and are not asked about.</summary>
    public bool TakesType(ResourceKind kind)
    {
        if (OnlyPods is not null) return kind == KubernetesResources.Pods;
        // Snapshots are made by backups and come along with what they are of; those of others mean nothing elsewhere.
        if (kind.GroupResource is "volumesnapshots.snapshot.storage.k8s.io" or "volumesnapshotcontents.snapshot.storage.k8s.io") return false;
        if (_scoped)
        {
            if (kind.Namespaced) return !_namespaced.Excludes.Contains("*") && _namespaced.ShouldInclude(kind.GroupResource);
            if (_cluster.IsExcludedByName(kind.GroupResource)) return false;
            if (_cluster.IsIncludedByName(kind.GroupResource)) return true;
            // With nothing said about the cluster's types, all are taken only by a backup that takes everything.
            return _cluster.Includes.Count == 0 && _cluster.Excludes.Count == 0 && TakesAllNamespaces && _namespaced.IncludesEverything;
        }

        if (!_resources.ShouldInclude(kind.GroupResource)) return false;
        return kind.Namespaced || (_spec.IncludeClusterResources ?? TakesAllNamespaces);
    }

    /// <summary>Whether an object, whose type is looked through, is taken for its own sake.</summary>
    public bool Takes(ResourceKind kind, JsonObject item)
    {
        if (kind.Namespaced && !TakesNamespace(item.Namespace())) return false;
        if (OnlyPods is not null && kind == KubernetesResources.Pods && !OnlyPods.Contains(item.Name())) return false;
        return Fine.Takes(kind.GroupResource, item.Namespace(), item) ?? Labels.Matches(item);
    }

    /// <summary>Whether an object is left out whatever needs it: by its label, or because a policy takes others of its type.</summary>
    public bool LeavesOut(ResourceKind kind, JsonObject item) => IsMarkedExcluded(item) || !Fine.Admits(kind.GroupResource, item.Namespace(), item.Name());

    /// <summary>Whether an object of the type may come in because another that is taken refers to it.</summary>
    public bool AdmitsRelated(ResourceKind kind)
    {
        if (_scoped) return kind.Namespaced ? TakesType(kind) : !_cluster.IsExcludedByName(kind.GroupResource);
        return _resources.ShouldInclude(kind.GroupResource) && (kind.Namespaced || _spec.IncludeClusterResources != false);
    }

    /// <summary>Whether definitions of custom resources come along with their objects.</summary>
    public bool AdmitsDefinitions =>
        _scoped
            ? !_cluster.IsExcludedByName(KubernetesResources.CustomResourceDefinitions.GroupResource)
            : _spec.IncludeClusterResources != false && !_resources.IsExcludedByName(KubernetesResources.CustomResourceDefinitions.GroupResource);

    /// <summary>Whether the namespaces of what is taken come along as objects.</summary>
    public bool AdmitsNamespaces => !(_scoped ? _cluster : _resources).IsExcludedByName(KubernetesResources.Namespaces.GroupResource);

    public bool TakesNamespace(string ns) => (Namespaces is null || Namespaces.Contains(ns)) && !ExcludedNamespaces.IsExcludedByName(ns);

    public static bool IsMarkedExcluded(JsonObject item) => item.Label(VeleroLabels.ExcludeFromBackup) == "true";

    /// <summary>The backup's own lists decide; the policy adds what they do not speak of.</summary>
    private static IncludesExcludes Combine(IncludesExcludes own, IEnumerable<string> includes, IEnumerable<string> excludes)
    {
        foreach (var name in excludes.Where(n => !own.IsIncludedByName(n) && !own.IsExcludedByName(n)).ToList()) own = new IncludesExcludes(own.Includes, [.. own.Excludes, name]);
        foreach (var name in includes.Where(n => !own.IsIncludedByName(n) && !own.IsExcludedByName(n)).ToList()) own = new IncludesExcludes([.. own.Includes, name], own.Excludes);
        return own;
    }

    private static bool HasScoped(BackupSpec spec) =>
        spec.IncludedClusterScopedResources is { Count: > 0 } || spec.ExcludedClusterScopedResources is { Count: > 0 }
        || spec.IncludedNamespaceScopedResources is { Count: > 0 } || spec.ExcludedNamespaceScopedResources is { Count: > 0 };
}
