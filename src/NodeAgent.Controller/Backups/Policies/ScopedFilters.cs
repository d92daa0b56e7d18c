namespace NodeAgent.Controller.Backups.Policies;

/// <summary>The scoped lists of resource types that a policy adds to those of a backup, which stand above it.</summary>
internal sealed record ScopedFilters
{
    public IReadOnlyList<string> IncludedClusterScoped { get; init; } = [];

    public IReadOnlyList<string> ExcludedClusterScoped { get; init; } = [];

    public IReadOnlyList<string> IncludedNamespaceScoped { get; init; } = [];

    public IReadOnlyList<string> ExcludedNamespaceScoped { get; init; } = [];
}
