namespace NodeAgent.Kubernetes.Velero;

/// <summary>Counts of hooks.</summary>
public sealed record HookStatus
{
    /// <summary>Hooks started.</summary>
    public int? HooksAttempted { get; init; }

    /// <summary>Hooks that failed.</summary>
    public int? HooksFailed { get; init; }
}
