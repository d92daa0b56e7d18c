namespace NodeAgent.Kubernetes.Velero;

/// <summary>What a backup takes and how.</summary>
public sealed record BackupSpec
{
    /// <summary>Used in a schedule template: labels and annotations for its backups.</summary>
    public TemplateMetadata? Metadata { get; init; }

    /// <summary>Namespaces to take part; wildcards allowed; empty means all.</summary>
    public IReadOnlyList<string>? IncludedNamespaces { get; init; }

    /// <summary>Namespaces left out; wins over the included ones.</summary>
    public IReadOnlyList<string>? ExcludedNamespaces { get; init; }

    /// <summary>Resource types to take part (plural, optionally with group); empty means all.</summary>
    public IReadOnlyList<string>? IncludedResources { get; init; }

    /// <summary>Resource types left out; wins over the included ones.</summary>
    public IReadOnlyList<string>? ExcludedResources { get; init; }

    /// <summary>Cluster-scoped types to take; not to be combined with the older resource filters.</summary>
    public IReadOnlyList<string>? IncludedClusterScopedResources { get; init; }

    /// <summary>Cluster-scoped types to leave out.</summary>
    public IReadOnlyList<string>? ExcludedClusterScopedResources { get; init; }

    /// <summary>Namespaced types to take; empty means all.</summary>
    public IReadOnlyList<string>? IncludedNamespaceScopedResources { get; init; }

    /// <summary>Namespaced types to leave out.</summary>
    public IReadOnlyList<string>? ExcludedNamespaceScopedResources { get; init; }

    /// <summary>Only objects that match are taken.</summary>
    public LabelSelector? LabelSelector { get; init; }

    /// <summary>Objects that match any of these are taken; excludes labelSelector.</summary>
    public IReadOnlyList<LabelSelector>? OrLabelSelectors { get; init; }

    /// <summary>Whether volume snapshots are taken; unset lets the server decide.</summary>
    public bool? SnapshotVolumes { get; init; }

    /// <summary>How long the backup is kept.</summary>
    public TimeSpan? Ttl { get; init; }

    /// <summary>Label of claims whose volumes are to be snapshotted as one group.</summary>
    public string? VolumeGroupSnapshotLabelKey { get; init; }

    /// <summary>Whether cluster-scoped objects are taken; unset takes those related to what is included.</summary>
    public bool? IncludeClusterResources { get; init; }

    /// <summary>Commands run around the backup of pods.</summary>
    public BackupHooks? Hooks { get; init; }

    /// <summary>BackupStorageLocation that receives the backup.</summary>
    public string? StorageLocation { get; init; }

    /// <summary>VolumeSnapshotLocations to use, at most one per provider.</summary>
    public IReadOnlyList<string>? VolumeSnapshotLocations { get; init; }

    /// <summary>Former name of defaultVolumesToFsBackup.</summary>
    public bool? DefaultVolumesToRestic { get; init; }

    /// <summary>Whether the files of all pod volumes are taken unless a pod opts out.</summary>
    public bool? DefaultVolumesToFsBackup { get; init; }

    /// <summary>Objects to take first, by resource type: a comma list of namespace/name.</summary>
    public IReadOnlyDictionary<string, string>? OrderedResources { get; init; }

    /// <summary>How long a CSI snapshot may take to become ready.</summary>
    public TimeSpan? CsiSnapshotTimeout { get; init; }

    /// <summary>How long asynchronous operations may take.</summary>
    public TimeSpan? ItemOperationTimeout { get; init; }

    /// <summary>ConfigMap with volume and resource policies.</summary>
    public TypedLocalObjectReference? ResourcePolicy { get; init; }

    /// <summary>Whether snapshot data is uploaded.</summary>
    public bool? SnapshotMoveData { get; init; }

    /// <summary>Data mover for snapshot data; empty or velero means the built-in one.</summary>
    public string? Datamover { get; init; }

    /// <summary>How volume data is read.</summary>
    public UploaderConfigForBackup? UploaderConfig { get; init; }

    /// <summary>Full or Incremental capture of volume data.</summary>
    public string? BackupType { get; init; }
}
