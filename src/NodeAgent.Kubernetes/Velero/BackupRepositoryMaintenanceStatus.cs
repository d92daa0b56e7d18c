namespace NodeAgent.Kubernetes.Velero;

/// <summary>One run of maintenance.</summary>
public sealed record BackupRepositoryMaintenanceStatus
{
    /// <summary>How the run ended.</summary>
    public string? Result { get; init; }

    /// <summary>When the run began.</summary>
    public DateTimeOffset? StartTimestamp { get; init; }

    /// <summary>When the run ended.</summary>
    public DateTimeOffset? CompleteTimestamp { get; init; }

    /// <summary>Why the run failed.</summary>
    public string? Message { get; init; }
}
