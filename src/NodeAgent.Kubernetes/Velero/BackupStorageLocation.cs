namespace NodeAgent.Kubernetes.Velero;

/// <summary>A place that backups are stored in.</summary>
public sealed record BackupStorageLocation
{
    public const string KindName = "BackupStorageLocation";

    public string ApiVersion { get; init; } = VeleroResources.ApiVersion;

    public string Kind { get; init; } = KindName;

    public ObjectMeta Metadata { get; init; } = new();

    public BackupStorageLocationSpec Spec { get; init; } = new();

    public BackupStorageLocationStatus? Status { get; init; }
}
