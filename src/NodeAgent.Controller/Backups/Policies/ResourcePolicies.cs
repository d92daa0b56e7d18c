namespace NodeAgent.Controller.Backups.Policies;

/// <summary>The rules of a policy ConfigMap, checked when they were read.</summary>
internal sealed record ResourcePolicies
{
    public static readonly ResourcePolicies None = new();

    public IReadOnlyList<VolumePolicy> Volumes { get; init; } = [];

    /// <summary>Null when the policy leaves resource types to the backup.</summary>
    public ScopedFilters? Filters { get; init; }

    /// <summary>What is taken of which namespaces, in the order of the policy.</summary>
    public IReadOnlyList<NamespacePolicy> NamespaceFilters { get; init; } = [];

    /// <summary>What is taken of single cluster-scoped types.</summary>
    public IReadOnlyList<KindFilter> ClusterScopedFilters { get; init; } = [];

    /// <summary>What in them has no effect, told where they were found, one line each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The first policy whose conditions the volume meets; null leaves the volume to annotations and defaults.</summary>
    public VolumePolicy? Match(VolumeFacts volume) => Volumes.FirstOrDefault(p => p.Conditions.Match(volume));
}
