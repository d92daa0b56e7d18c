namespace NodeAgent.Kubernetes.Velero;

/// <summary>What became of the volume restore.</summary>
public sealed record PodVolumeRestoreStatus
{
    /// <summary>State of the volume restore.</summary>
    public string? Phase { get; init; }

    /// <summary>Why it failed, or a remark.</summary>
    public string? Message { get; init; }

    /// <summary>When the transfer began.</summary>
    public DateTimeOffset? StartTimestamp { get; init; }

    /// <summary>When the work ended.</summary>
    public DateTimeOffset? CompletionTimestamp { get; init; }

    /// <summary>When a node took the work.</summary>
    public DateTimeOffset? AcceptedTimestamp { get; init; }

    /// <summary>How far the transfer has come.</summary>
    public DataMoveProgress? Progress { get; init; }

    /// <summary>Node that does the work.</summary>
    public string? Node { get; init; }
}
