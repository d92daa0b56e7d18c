using System.Text.Json.Serialization;

namespace NodeAgent.Kubernetes.Velero;

/// <summary>What became of the volume backup.</summary>
public sealed record PodVolumeBackupStatus
{
    /// <summary>State of the volume backup.</summary>
    public string? Phase { get; init; }

    /// <summary>Directory that was read.</summary>
    public string? Path { get; init; }

    /// <summary>Snapshot made; empty when the volume was empty.</summary>
    [JsonPropertyName("snapshotID")]
    public string? SnapshotId { get; init; }

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

    /// <summary>Bytes that were new.</summary>
    public long? IncrementalBytes { get; init; }
}
