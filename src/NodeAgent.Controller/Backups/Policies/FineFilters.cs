using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Selection;

namespace NodeAgent.Controller.Backups.Policies;

/// <summary>
/// The filters of a policy for single types, with the types as this cluster calls them. A namespace with a policy takes only the types that it
/// speaks of; of cluster-scoped types those that are not spoken of go by the other filters. An exact name of a namespace comes before patterns,
/// and among these the first that matches counts. They narrow what the other filters take and never widen it.
/// </summary>
internal sealed class FineFilters
{
    public static readonly FineFilters None = new(ResourcePolicies.None, new ResourceNames([]));

    private readonly IReadOnlyList<NamespacePolicy> _policies;
    private readonly Dictionary<NamespacePolicy, Dictionary<string, KindFilter>> _byType = [];
    private readonly Dictionary<string, KindFilter> _clusterScoped;

    public FineFilters(ResourcePolicies policies, ResourceNames names)
    {
        _policies = policies.NamespaceFilters;
        foreach (var policy in _policies) _byType[policy] = Resolve(policy.Filters, names);
        _clusterScoped = Resolve(policies.ClusterScopedFilters, names);
    }

    public bool IsEmpty => _policies.Count == 0 && _clusterScoped.Count == 0;

    /// <summary>Whether an object is taken for its own sake; null where the policies leave that to the other filters.</summary>
    /// <param name="ns">Empty for a cluster-scoped object.</param>
    public bool? Takes(string groupResource, string ns, JsonObject item)
    {
        if (ns.Length == 0) return _clusterScoped.TryGetValue(groupResource, out var own) ? own.Takes(item, item.Name()) : null;
        return PolicyOf(ns) is { } policy ? FilterOf(policy, groupResource)?.Takes(item, item.Name()) ?? false : null;
    }

    /// <summary>Whether an object may come in because another needs it: types that no filter speaks of may, so that nothing is taken without what it needs.</summary>
    public bool Admits(string groupResource, string ns, string name)
    {
        var filter = ns.Length == 0 ? _clusterScoped.GetValueOrDefault(groupResource) : PolicyOf(ns) is { } policy ? FilterOf(policy, groupResource) : null;
        return filter?.TakesName(name) ?? true;
    }

    /// <summary>Filters that can take nothing, each with its line: of the other scope, or of a type that the cluster does not serve.</summary>
    public static IEnumerable<string> Notes(ResourcePolicies policies, ResourceNames names)
    {
        foreach (var filter in policies.NamespaceFilters.SelectMany(p => p.Filters))
        {
            foreach (var kind in filter.Kinds.Where(k => names.IsNamespaced(k) != true)) yield return Note(filter, kind, "namespacedFilterPolicies", names, "cluster-scoped: did you mean clusterScopedFilterPolicy?");
        }

        foreach (var filter in policies.ClusterScopedFilters)
        {
            foreach (var kind in filter.Kinds.Where(k => names.IsNamespaced(k) != false)) yield return Note(filter, kind, "clusterScopedFilterPolicy", names, "in namespaces: did you mean namespacedFilterPolicies?");
        }
    }

    private static string Note(KindFilter filter, string kind, string where, ResourceNames names, string other) =>
        $"the resource policy's line {filter.Line}: {where} has no effect on \"{kind}\", which {(names.IsNamespaced(kind) is null ? "the cluster does not serve" : $"is {other}")}";

    private static Dictionary<string, KindFilter> Resolve(IReadOnlyList<KindFilter> filters, ResourceNames names)
    {
        var found = new Dictionary<string, KindFilter>(StringComparer.Ordinal);
        foreach (var filter in filters)
        {
            foreach (var kind in filter.Kinds) found.TryAdd(names.Resolve(kind), filter);
        }

        return found;
    }

    private NamespacePolicy? PolicyOf(string ns) =>
        _policies.FirstOrDefault(p => p.Namespaces.Any(n => n.Text == ns)) ?? _policies.FirstOrDefault(p => p.Namespaces.Any(n => n.Matches(ns)));

    private KindFilter? FilterOf(NamespacePolicy policy, string groupResource) =>
        _byType[policy].TryGetValue(groupResource, out var own) ? own : policy.Filters.FirstOrDefault(f => f.IsForAllOthers);
}
