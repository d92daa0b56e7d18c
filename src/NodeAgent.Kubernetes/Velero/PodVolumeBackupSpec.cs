namespace NodeAgent.Kubernetes.Velero;

/// <summary>One volume of a pod whose files are backed up.</summary>
public sealed record PodVolumeBackupSpec
{
    /// <summary>Node that runs the pod.</summary>
    public string? Node { get; init; }

    /// <summary>Pod that mounts the volume.</summary>
    public ObjectReference? Pod { get; init; }

    /// <summary>Name of the volume in the pod.</summary>
    public string? Volume { get; init; }

    /// <summary>BackupStorageLocation that receives the data.</summary>
    public string? BackupStorageLocation { get; init; }

    /// <summary>No longer used; may be empty.</summary>
    public string? RepoIdentifier { get; init; }

    /// <summary>Kind of uploader.</summary>
    public string? UploaderType { get; init; }

    /// <summary>Tags of the snapshot.</summary>
    public IReadOnlyDictionary<string, string>? Tags { get; init; }

    /// <summary>Settings of the uploader.</summary>
    public IReadOnlyDictionary<string, string>? UploaderSettings { get; init; }

    /// <summary>Asks for the work to stop.</summary>
    public bool? Cancel { get; init; }

    /// <summary>Snapshot to build on: auto or empty for the newest, none for a full run, else its id.</summary>
    public string? ParentSnapshot { get; init; }
}
