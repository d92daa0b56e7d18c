namespace NodeAgent.Kubernetes.Velero;

/// <summary>How far a restore has come.</summary>
public sealed record RestoreProgress
{
    /// <summary>Objects to restore, as known so far.</summary>
    public int? TotalItems { get; init; }

    /// <summary>Objects handled so far.</summary>
    public int? ItemsRestored { get; init; }
}
