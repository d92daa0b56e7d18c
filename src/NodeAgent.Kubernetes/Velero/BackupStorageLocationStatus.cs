namespace NodeAgent.Kubernetes.Velero;

/// <summary>State of a location.</summary>
public sealed record BackupStorageLocationStatus
{
    /// <summary>Whether the location can be used.</summary>
    public string? Phase { get; init; }

    /// <summary>When backups were last synchronised.</summary>
    public DateTimeOffset? LastSyncedTime { get; init; }

    /// <summary>When the location was last checked.</summary>
    public DateTimeOffset? LastValidationTime { get; init; }

    /// <summary>What is wrong with the location.</summary>
    public string? Message { get; init; }

    /// <summary>No longer used.</summary>
    public string? LastSyncedRevision { get; init; }

    /// <summary>No longer used.</summary>
    public string? AccessMode { get; init; }
}
