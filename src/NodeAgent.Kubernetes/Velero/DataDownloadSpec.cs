using System.Text.Json.Serialization;

namespace NodeAgent.Kubernetes.Velero;

/// <summary>One snapshot whose data is downloaded into a volume.</summary>
public sealed record DataDownloadSpec
{
    /// <summary>Volume that receives the data.</summary>
    public TargetVolume? TargetVolume { get; init; }

    /// <summary>BackupStorageLocation that holds the data.</summary>
    public string? BackupStorageLocation { get; init; }

    /// <summary>Data mover; empty or velero means the built-in one.</summary>
    public string? Datamover { get; init; }

    /// <summary>Snapshot to restore.</summary>
    [JsonPropertyName("snapshotID")]
    public string? SnapshotId { get; init; }

    /// <summary>Namespace that the volume was backed up from.</summary>
    public string? SourceNamespace { get; init; }

    /// <summary>Settings of the data mover.</summary>
    public IReadOnlyDictionary<string, string>? DataMoverConfig { get; init; }

    /// <summary>Asks for the work to stop.</summary>
    public bool? Cancel { get; init; }

    /// <summary>How long the work may take.</summary>
    public TimeSpan? OperationTimeout { get; init; }

    /// <summary>Operating system of the node.</summary>
    [JsonPropertyName("nodeOS")]
    public string? NodeOs { get; init; }

    /// <summary>Size of the snapshot in bytes.</summary>
    public long? SnapshotSize { get; init; }
}
