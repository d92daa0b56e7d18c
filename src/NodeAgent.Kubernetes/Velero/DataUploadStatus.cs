using System.Text.Json.Serialization;

namespace NodeAgent.Kubernetes.Velero;

/// <summary>What became of the upload.</summary>
public sealed record DataUploadStatus
{
    /// <summary>State of the upload.</summary>
    public string? Phase { get; init; }

    /// <summary>Path that was read.</summary>
    public string? Path { get; init; }

    /// <summary>Snapshot made.</summary>
    [JsonPropertyName("snapshotID")]
    public string? SnapshotId { get; init; }

    /// <summary>What the data mover reports beyond the snapshot.</summary>
    public IReadOnlyDictionary<string, string>? DataMoverResult { get; init; }

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

    /// <summary>Operating system of the node.</summary>
    [JsonPropertyName("nodeOS")]
    public string? NodeOs { get; init; }

    /// <summary>Node that took the work.</summary>
    public string? AcceptedByNode { get; init; }

    /// <summary>When a node took the work.</summary>
    public DateTimeOffset? AcceptedTimestamp { get; init; }

    /// <summary>Bytes that were new.</summary>
    public long? IncrementalBytes { get; init; }
}
