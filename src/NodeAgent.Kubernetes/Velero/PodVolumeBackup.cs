namespace NodeAgent.Kubernetes.Velero;

/// <summary>The file-system backup of one pod volume.</summary>
public sealed record PodVolumeBackup
{
    public const string KindName = "PodVolumeBackup";

    public string ApiVersion { get; init; } = VeleroResources.ApiVersion;

    public string Kind { get; init; } = KindName;

    public ObjectMeta Metadata { get; init; } = new();

    public PodVolumeBackupSpec Spec { get; init; } = new();

    public PodVolumeBackupStatus? Status { get; init; }
}
