namespace NodeAgent.Kubernetes.Api;

/// <summary>What a server serves, as it was found at one time.</summary>
public sealed class ServedResources
{
    internal ServedResources(IReadOnlyList<ServedResource> all, IReadOnlyList<string> unavailable)
    {
        All = all;
        Preferred = [.. all.Where(r => r.IsPreferred)];
        UnavailableGroups = unavailable;
    }

    /// <summary>Each resource in each version.</summary>
    public IReadOnlyList<ServedResource> All { get; }

    /// <summary>Each resource once.</summary>
    public IReadOnlyList<ServedResource> Preferred { get; }

    /// <summary>Group versions that could not be asked, each with the reason: what they serve is not in the lists.</summary>
    public IReadOnlyList<string> UnavailableGroups { get; }

    /// <summary>
    /// Finds a resource by any of the names that people use: plural, singular, short name or kind, with or without
    /// <c>.group</c> or <c>.version.group</c>. Core resources come before those of other groups. Null when there is none.
    /// </summary>
    public ServedResource? Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var dot = name.IndexOf('.', StringComparison.Ordinal);
        var (resource, group) = dot < 0 ? (name, null) : (name[..dot], name[(dot + 1)..]);
        return Preferred.Where(r => (group is null || r.Kind.Group == group) && IsNamed(r, resource)).OrderBy(r => r.Kind.Group.Length > 0).FirstOrDefault()
            ?? (group is null ? null : All.FirstOrDefault(r => $"{r.Kind.Version}.{r.Kind.Group}" == group && IsNamed(r, resource)));
    }

    /// <summary>Finds the resource whose objects have this apiVersion and kind.</summary>
    public ServedResource? FindKind(string apiVersion, string kind) => All.FirstOrDefault(r => r.Kind.Kind == kind && r.Kind.ApiVersion == apiVersion);

    private static bool IsNamed(ServedResource resource, string name) =>
        string.Equals(resource.Kind.Plural, name, StringComparison.OrdinalIgnoreCase)
        || string.Equals(resource.SingularName, name, StringComparison.OrdinalIgnoreCase)
        || string.Equals(resource.Kind.Kind, name, StringComparison.OrdinalIgnoreCase)
        || resource.ShortNames.Contains(name, StringComparer.OrdinalIgnoreCase);
}
