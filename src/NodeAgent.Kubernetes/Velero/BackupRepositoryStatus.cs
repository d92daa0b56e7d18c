namespace NodeAgent.Kubernetes.Velero;

/// <summary>State of a repository.</summary>
public sealed record BackupRepositoryStatus
{
    /// <summary>Whether the repository can be used.</summary>
    public string? Phase { get; init; }

    /// <summary>What is wrong with the repository.</summary>
    public string? Message { get; init; }

    /// <summary>When maintenance last succeeded.</summary>
    public DateTimeOffset? LastMaintenanceTime { get; init; }

    /// <summary>Latest runs of maintenance.</summary>
    public IReadOnlyList<BackupRepositoryMaintenanceStatus>? RecentMaintenance { get; init; }
}
