namespace NodeAgent.Kubernetes.Velero;

/// <summary>What became of a backup.</summary>
public sealed record BackupStatus
{
    /// <summary>Former major version of the format.</summary>
    public int? Version { get; init; }

    /// <summary>Version of the backup format.</summary>
    public string? FormatVersion { get; init; }

    /// <summary>When the backup may be removed.</summary>
    public DateTimeOffset? Expiration { get; init; }

    /// <summary>State of the backup.</summary>
    public string? Phase { get; init; }

    /// <summary>Place in the queue while Queued.</summary>
    public int? QueuePosition { get; init; }

    /// <summary>Why the request was refused.</summary>
    public IReadOnlyList<string>? ValidationErrors { get; init; }

    /// <summary>When the work began.</summary>
    public DateTimeOffset? StartTimestamp { get; init; }

    /// <summary>When the work ended.</summary>
    public DateTimeOffset? CompletionTimestamp { get; init; }

    /// <summary>Native snapshots tried.</summary>
    public int? VolumeSnapshotsAttempted { get; init; }

    /// <summary>Native snapshots made.</summary>
    public int? VolumeSnapshotsCompleted { get; init; }

    /// <summary>Why the backup failed as a whole.</summary>
    public string? FailureReason { get; init; }

    /// <summary>Number of warnings in the log.</summary>
    public int? Warnings { get; init; }

    /// <summary>Number of errors in the log.</summary>
    public int? Errors { get; init; }

    /// <summary>How far the backup has come.</summary>
    public BackupProgress? Progress { get; init; }

    /// <summary>CSI snapshots tried.</summary>
    public int? CsiVolumeSnapshotsAttempted { get; init; }

    /// <summary>CSI snapshots made.</summary>
    public int? CsiVolumeSnapshotsCompleted { get; init; }

    /// <summary>Asynchronous operations started.</summary>
    public int? BackupItemOperationsAttempted { get; init; }

    /// <summary>Asynchronous operations that succeeded.</summary>
    public int? BackupItemOperationsCompleted { get; init; }

    /// <summary>Asynchronous operations that failed.</summary>
    public int? BackupItemOperationsFailed { get; init; }

    /// <summary>Counts of hooks.</summary>
    public HookStatus? HookStatus { get; init; }
}
