namespace NodeAgent.Kubernetes.Velero;

/// <summary>Which objects get their status back.</summary>
public sealed record RestoreStatusSpec
{
    /// <summary>Resource types whose status is restored.</summary>
    public IReadOnlyList<string>? IncludedResources { get; init; }

    /// <summary>Resource types whose status is not restored.</summary>
    public IReadOnlyList<string>? ExcludedResources { get; init; }
}
