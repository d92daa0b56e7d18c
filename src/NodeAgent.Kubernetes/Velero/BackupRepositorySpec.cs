namespace NodeAgent.Kubernetes.Velero;

/// <summary>A repository of volume data.</summary>
public sealed record BackupRepositorySpec
{
    /// <summary>Namespace whose volumes it holds.</summary>
    public string? VolumeNamespace { get; init; }

    /// <summary>BackupStorageLocation that holds it.</summary>
    public string? BackupStorageLocation { get; init; }

    /// <summary>Kind of repository.</summary>
    public string? RepositoryType { get; init; }

    /// <summary>No longer used.</summary>
    public string? ResticIdentifier { get; init; }

    /// <summary>How often maintenance runs.</summary>
    public TimeSpan? MaintenanceFrequency { get; init; }

    /// <summary>Settings taken up when the repository is made.</summary>
    public IReadOnlyDictionary<string, string>? RepositoryConfig { get; init; }
}
