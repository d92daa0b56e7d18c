namespace NodeAgent.Kubernetes.Velero;

/// <summary>State of a snapshot location.</summary>
public sealed record VolumeSnapshotLocationStatus
{
    /// <summary>Whether the location can be used.</summary>
    public string? Phase { get; init; }

    /// <summary>Why it cannot be used. Velero has no such field.</summary>
    public string? Message { get; init; }
}
