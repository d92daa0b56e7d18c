namespace NodeAgent.Kubernetes.Velero;

/// <summary>What became of a restore.</summary>
public sealed record RestoreStatus
{
    /// <summary>State of the restore.</summary>
    public string? Phase { get; init; }

    /// <summary>Why the request was refused.</summary>
    public IReadOnlyList<string>? ValidationErrors { get; init; }

    /// <summary>Number of warnings.</summary>
    public int? Warnings { get; init; }

    /// <summary>Number of errors.</summary>
    public int? Errors { get; init; }

    /// <summary>Why the restore failed as a whole.</summary>
    public string? FailureReason { get; init; }

    /// <summary>When the work began.</summary>
    public DateTimeOffset? StartTimestamp { get; init; }

    /// <summary>When the work ended.</summary>
    public DateTimeOffset? CompletionTimestamp { get; init; }

    /// <summary>How far the restore has come.</summary>
    public RestoreProgress? Progress { get; init; }

    /// <summary>Asynchronous operations started.</summary>
    public int? RestoreItemOperationsAttempted { get; init; }

    /// <summary>Asynchronous operations that succeeded.</summary>
    public int? RestoreItemOperationsCompleted { get; init; }

    /// <summary>Asynchronous operations that failed.</summary>
    public int? RestoreItemOperationsFailed { get; init; }

    /// <summary>Counts of hooks.</summary>
    public HookStatus? HookStatus { get; init; }
}
