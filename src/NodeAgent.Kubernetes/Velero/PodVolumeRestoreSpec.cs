using System.Text.Json.Serialization;

namespace NodeAgent.Kubernetes.Velero;

/// <summary>One volume of a restored pod that gets its files back.</summary>
public sealed record PodVolumeRestoreSpec
{
    /// <summary>Pod that mounts the volume.</summary>
    public ObjectReference? Pod { get; init; }

    /// <summary>Name of the volume in the pod.</summary>
    public string? Volume { get; init; }

    /// <summary>BackupStorageLocation that holds the data.</summary>
    public string? BackupStorageLocation { get; init; }

    /// <summary>No longer used; may be empty.</summary>
    public string? RepoIdentifier { get; init; }

    /// <summary>Kind of uploader.</summary>
    public string? UploaderType { get; init; }

    /// <summary>Snapshot to restore.</summary>
    [JsonPropertyName("snapshotID")]
    public string? SnapshotId { get; init; }

    /// <summary>Namespace that the volume was backed up from.</summary>
    public string? SourceNamespace { get; init; }

    /// <summary>Settings of the uploader.</summary>
    public IReadOnlyDictionary<string, string>? UploaderSettings { get; init; }

    /// <summary>Asks for the work to stop.</summary>
    public bool? Cancel { get; init; }

    /// <summary>Size of the snapshot in bytes.</summary>
    public long? SnapshotSize { get; init; }
}
