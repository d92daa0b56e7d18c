namespace NodeAgent.Kubernetes.Velero;

/// <summary>CSI snapshot that is the source of an upload.</summary>
public sealed record CsiSnapshotSpec
{
    /// <summary>Name of the VolumeSnapshot.</summary>
    public string? VolumeSnapshot { get; init; }

    /// <summary>Storage class of the source claim.</summary>
    public string? StorageClass { get; init; }

    /// <summary>Snapshot class used.</summary>
    public string? SnapshotClass { get; init; }

    /// <summary>CSI driver.</summary>
    public string? Driver { get; init; }
}
