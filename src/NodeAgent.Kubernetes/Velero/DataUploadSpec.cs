using System.Text.Json.Serialization;

namespace NodeAgent.Kubernetes.Velero;

/// <summary>One snapshot whose data is uploaded.</summary>
public sealed record DataUploadSpec
{
    /// <summary>Kind of snapshot; CSI.</summary>
    public string? SnapshotType { get; init; }

    /// <summary>The CSI snapshot.</summary>
    public CsiSnapshotSpec? CsiSnapshot { get; init; }

    /// <summary>Claim that was snapshotted.</summary>
    [JsonPropertyName("sourcePVC")]
    public string? SourcePvc { get; init; }

    /// <summary>Data mover; empty or velero means the built-in one.</summary>
    public string? Datamover { get; init; }

    /// <summary>BackupStorageLocation that receives the data.</summary>
    public string? BackupStorageLocation { get; init; }

    /// <summary>Namespace of the claim.</summary>
    public string? SourceNamespace { get; init; }

    /// <summary>Settings of the data mover.</summary>
    public IReadOnlyDictionary<string, string>? DataMoverConfig { get; init; }

    /// <summary>Asks for the work to stop.</summary>
    public bool? Cancel { get; init; }

    /// <summary>How long the work may take.</summary>
    public TimeSpan? OperationTimeout { get; init; }

    /// <summary>File system of the source volume.</summary>
    [JsonPropertyName("sourceFSType")]
    public string? SourceFsType { get; init; }

    /// <summary>Snapshot to build on: auto, none or an id.</summary>
    public string? ParentSnapshot { get; init; }
}
