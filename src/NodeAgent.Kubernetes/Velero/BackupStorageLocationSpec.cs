namespace NodeAgent.Kubernetes.Velero;

/// <summary>Where backups are stored.</summary>
public sealed record BackupStorageLocationSpec
{
    /// <summary>Kind of storage: filesystem, or an object store.</summary>
    public string? Provider { get; init; }

    /// <summary>Settings of the provider.</summary>
    public IReadOnlyDictionary<string, string>? Config { get; init; }

    /// <summary>Secret key with the credentials.</summary>
    public SecretKeySelector? Credential { get; init; }

    /// <summary>Bucket and prefix.</summary>
    public ObjectStorageLocation? ObjectStorage { get; init; }

    /// <summary>Whether backups without a location go here.</summary>
    public bool? Default { get; init; }

    /// <summary>Whether backups may be written.</summary>
    public string? AccessMode { get; init; }

    /// <summary>How often backups found in the store are added to the cluster; 0 never.</summary>
    public TimeSpan? BackupSyncPeriod { get; init; }

    /// <summary>How often the location is checked; 0 never.</summary>
    public TimeSpan? ValidationFrequency { get; init; }
}
