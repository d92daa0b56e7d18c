namespace NodeAgent.Kubernetes.Velero;

/// <summary>Where volume snapshots are made.</summary>
public sealed record VolumeSnapshotLocationSpec
{
    /// <summary>Kind of storage.</summary>
    public string? Provider { get; init; }

    /// <summary>Settings of the provider.</summary>
    public IReadOnlyDictionary<string, string>? Config { get; init; }

    /// <summary>Secret key with the credentials.</summary>
    public SecretKeySelector? Credential { get; init; }
}
