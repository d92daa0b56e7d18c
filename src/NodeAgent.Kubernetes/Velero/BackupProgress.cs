namespace NodeAgent.Kubernetes.Velero;

/// <summary>How far a backup has come.</summary>
public sealed record BackupProgress
{
    /// <summary>Objects to take, as known so far.</summary>
    public int? TotalItems { get; init; }

    /// <summary>Objects taken so far.</summary>
    public int? ItemsBackedUp { get; init; }
}
