using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Controller.Selection;

/// <summary>
/// Turns what people call resource types (plural, singular, short name, kind, with or without group) into plural.group as
/// discovery has it. A name that nothing answers to is kept, so that a list of unknown names does not come to mean all.
/// </summary>
internal sealed class ResourceNames(IReadOnlyList<ServedResource> served)
{
    public IncludesExcludes Resolve(IReadOnlyList<string>? includes, IReadOnlyList<string>? excludes) =>
        new([.. (includes ?? []).Select(Resolve)], [.. (excludes ?? []).Select(Resolve)]);

    /// <summary>The names resolved, without those of types that exist in the other scope.</summary>
    public IEnumerable<string> OfScope(IReadOnlyList<string>? names, bool namespaced) => (names ?? []).Select(Resolve).Where(n => !IsOfOtherScope(n, namespaced));

    /// <summary>Of the names, those of types that exist in the other scope, resolved.</summary>
    public IEnumerable<string> OfOtherScope(IReadOnlyList<string>? names, bool namespaced) => (names ?? []).Select(Resolve).Where(n => IsOfOtherScope(n, namespaced));

    /// <summary>Whether the type has namespaces; null when the cluster does not serve it.</summary>
    public bool? IsNamespaced(string name) => Resolve(name) is var resolved && served.FirstOrDefault(r => r.Kind.GroupResource == resolved) is { } found ? found.Kind.Namespaced : null;

    public string Resolve(string name)
    {
        if (NameGlob.HasWildcard(name)) return name;
        var lower = name.ToLowerInvariant();
        var match = served.FirstOrDefault(r => r.Kind.GroupResource == lower)
            ?? served.FirstOrDefault(r => r.Kind.Plural == lower)
            ?? served.FirstOrDefault(r => Answers(r, lower));
        return match?.Kind.GroupResource ?? lower;
    }

    private bool IsOfOtherScope(string groupResource, bool namespaced) => served.FirstOrDefault(r => r.Kind.GroupResource == groupResource) is { } found && found.Kind.Namespaced != namespaced;

    private static bool Answers(ServedResource resource, string name)
    {
        var dot = name.IndexOf('.', StringComparison.Ordinal);
        var (bare, group) = dot < 0 ? (name, null) : (name[..dot], name[(dot + 1)..]);
        if (group is not null && group != resource.Kind.Group && group != $"{resource.Kind.Version}.{resource.Kind.Group}") return false;
        return bare == resource.Kind.Plural || bare == resource.SingularName || resource.ShortNames.Contains(bare)
            || string.Equals(bare, resource.Kind.Kind, StringComparison.OrdinalIgnoreCase);
    }
}
