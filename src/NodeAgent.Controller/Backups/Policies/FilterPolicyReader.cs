using System.Buffers;
using NodeAgent.Controller.Selection;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Backups.Policies;

/// <summary>Reads <c>namespacedFilterPolicies</c> and <c>clusterScopedFilterPolicy</c> of a policy ConfigMap.</summary>
internal static class FilterPolicyReader
{
    // What a pattern of namespaces may not hold, as in Velero.
    private static readonly SearchValues<char> Unsupported = SearchValues.Create("|()!{},");

    /// <exception cref="FormatException">A policy cannot be meant; one line with its place.</exception>
    public static IReadOnlyList<NamespacePolicy> ReadNamespaced(PolicyNode node)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var policies = new List<NamespacePolicy>();
        foreach (var entry in node.List())
        {
            var parts = entry.Map("namespaces", "resourceFilters");
            var namespaces = parts.TryGetValue("namespaces", out var names) ? names.List() : [];
            if (namespaces.Count == 0) throw entry.Wrong("a policy of namespacedFilterPolicies needs namespaces");
            foreach (var name in namespaces)
            {
                if (!seen.Add(name.Text())) throw name.Wrong($"namespace \"{name.Text()}\" stands in namespacedFilterPolicies twice");
            }

            var filters = parts.TryGetValue("resourceFilters", out var list) ? ReadFilters(list) : [];
            if (filters.Count == 0) throw entry.Wrong("a policy of namespacedFilterPolicies needs resourceFilters");
            if (filters.Where(f => f.IsForAllOthers).Skip(1).FirstOrDefault() is { } second) throw new FormatException($"line {second.Line}: only one of the resourceFilters may be without kinds, which is for all other types");
            foreach (var filter in filters.Where(f => f.IsForAllOthers && f.Names.Count + f.ExcludedNames.Count > 0))
            {
                throw new FormatException($"line {filter.Line}: names and excludedNames need kinds beside them");
            }

            policies.Add(new NamespacePolicy([.. namespaces.Select(ReadNamespace)], filters));
        }

        return policies;
    }

    /// <exception cref="FormatException">The policy cannot be meant; one line with its place.</exception>
    public static IReadOnlyList<KindFilter> ReadClusterScoped(PolicyNode node)
    {
        var parts = node.Map("resourceFilters");
        var filters = parts.TryGetValue("resourceFilters", out var list) ? ReadFilters(list) : [];
        if (filters.Count == 0) throw node.Wrong("clusterScopedFilterPolicy has no resourceFilters; leave it out if there are none");
        return filters.FirstOrDefault(f => f.IsForAllOthers) is { } all
            ? throw new FormatException($"line {all.Line}: a filter of clusterScopedFilterPolicy needs kinds; types that it does not name go by the filters of the backup or restore")
            : filters;
    }

    private static List<KindFilter> ReadFilters(PolicyNode node)
    {
        var seen = new Dictionary<string, long>(StringComparer.OrdinalIgnoreCase);
        var filters = new List<KindFilter>();
        foreach (var entry in node.List())
        {
            var filter = ReadFilter(entry);
            foreach (var kind in filter.Kinds)
            {
                if (!seen.TryAdd(kind, filter.Line)) throw entry.Wrong($"kind \"{kind}\" stands in the resourceFilters of line {seen[kind]} already");
            }

            filters.Add(filter);
        }

        return filters;
    }

    private static KindFilter ReadFilter(PolicyNode node)
    {
        var parts = node.Map("kinds", "labelSelector", "orLabelSelectors", "names", "excludedNames");
        var kinds = Texts("kinds");
        if (kinds.Contains("*") && kinds.Count > 1) throw node.Wrong("kinds: \"*\" stands beside other kinds; keep one or the other");
        var single = parts.TryGetValue("labelSelector", out var selector) ? ReadSelector(selector) : null;
        IReadOnlyList<LabelSelector> any = parts.TryGetValue("orLabelSelectors", out var several) ? [.. several.List().Select(ReadSelector).OfType<LabelSelector>()] : [];
        if (single is not null && any.Count > 0) throw node.Wrong("labelSelector and orLabelSelectors exclude each other; keep one");
        return new KindFilter
        {
            Kinds = kinds is ["*"] ? [] : kinds,
            Labels = new LabelSelectors(single, any),
            Names = Patterns("names"),
            ExcludedNames = Patterns("excludedNames"),
            Line = node.Line,
        };

        IReadOnlyList<string> Texts(string name) => parts.TryGetValue(name, out var list) ? list.TextList() : [];

        IReadOnlyList<GlobPattern> Patterns(string name) => parts.TryGetValue(name, out var list) ? [.. list.List().Select(p => ReadPattern(p, name))] : [];
    }

    /// <summary>Null for one that says nothing. A plain map of labels, as Velero's design has it, means the same as one under matchLabels.</summary>
    private static LabelSelector? ReadSelector(PolicyNode node)
    {
        if (!node.Has("matchLabels") && !node.Has("matchExpressions")) return node.Texts() is { Count: > 0 } labels ? new LabelSelector { MatchLabels = Checked(node, labels) } : null;
        var parts = node.Map("matchLabels", "matchExpressions");
        var read = new LabelSelector
        {
            MatchLabels = parts.TryGetValue("matchLabels", out var equal) ? Checked(equal, equal.Texts()) : null,
            MatchExpressions = parts.TryGetValue("matchExpressions", out var expressions) ? [.. expressions.List().Select(ReadRequirement)] : null,
        };
        if (LabelSelectors.Problems(read, null).FirstOrDefault() is { } problem) throw node.Wrong(problem);
        return read.MatchLabels is { Count: > 0 } || read.MatchExpressions is { Count: > 0 } ? read : null;
    }

    private static LabelSelectorRequirement ReadRequirement(PolicyNode node)
    {
        var parts = node.Map("key", "operator", "values");
        var key = parts.TryGetValue("key", out var given) ? given.Text() : "";
        if (!LabelSelectors.IsKey(key)) throw node.Wrong($"\"{key}\" is no key of a label");
        return new LabelSelectorRequirement
        {
            Key = key,
            Operator = parts.TryGetValue("operator", out var operation) ? operation.Text() : "",
            Values = parts.TryGetValue("values", out var values) ? values.TextList() : null,
        };
    }

    private static IReadOnlyDictionary<string, string> Checked(PolicyNode node, IReadOnlyDictionary<string, string> labels) =>
        labels.Keys.FirstOrDefault(k => !LabelSelectors.IsKey(k)) is { } bad ? throw node.Wrong($"\"{bad}\" is no key of a label") : labels;

    private static GlobPattern ReadNamespace(PolicyNode node)
    {
        var text = node.Text();
        if (text.Length == 0) throw node.Wrong("a namespace is empty");
        if (text.AsSpan().IndexOfAny(Unsupported) is >= 0 and var at) throw node.Wrong($"namespace \"{text}\": {text[at]} cannot be used in a pattern; *, ? and [abc] can");
        if (text.Contains("**", StringComparison.Ordinal)) throw node.Wrong($"namespace \"{text}\": ** cannot be used in a pattern; write *");
        return ReadPattern(node, "namespace");
    }

    private static GlobPattern ReadPattern(PolicyNode node, string what)
    {
        try
        {
            return GlobPattern.Parse(node.Text(), null);
        }
        catch (FormatException e) when (!e.Message.StartsWith("line ", StringComparison.Ordinal))
        {
            throw node.Wrong($"{what}: \"{node.Text()}\" is no pattern: {e.Message}");
        }
    }
}
