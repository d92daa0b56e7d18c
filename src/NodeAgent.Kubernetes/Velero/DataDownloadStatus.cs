namespace NodeAgent.Kubernetes.Velero;

/// <summary>What became of the download.</summary>
public sealed record DataDownloadStatus
{
    /// <summary>State of the download.</summary>
    public string? Phase { get; init; }

    /// <summary>Why it failed, or a remark.</summary>
    public string? Message { get; init; }

    /// <summary>When the transfer began.</summary>
    public DateTimeOffset? StartTimestamp { get; init; }

    /// <summary>When the work ended.</summary>
    public DateTimeOffset? CompletionTimestamp { get; init; }

    /// <summary>How far the transfer has come.</summary>
    public DataMoveProgress? Progress { get; init; }

    /// <summary>Node that does the work.</summary>
    public string? Node { get; init; }

    /// <summary>Node that took the work.</summary>
    public string? AcceptedByNode { get; init; }

    /// <summary>When a node took the work.</summary>
    public DateTimeOffset? AcceptedTimestamp { get; init; }
}
