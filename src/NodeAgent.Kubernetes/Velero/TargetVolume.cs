namespace NodeAgent.Kubernetes.Velero;

/// <summary>Volume that receives data.</summary>
public sealed record TargetVolume
{
    /// <summary>Name of the claim.</summary>
    public string? Pvc { get; init; }

    /// <summary>Name of the volume.</summary>
    public string? Pv { get; init; }

    /// <summary>Namespace of the claim.</summary>
    public string? Namespace { get; init; }

    /// <summary>File system of the volume.</summary>
    public string? FsType { get; init; }
}
