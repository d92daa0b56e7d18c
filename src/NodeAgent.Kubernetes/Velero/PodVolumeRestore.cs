namespace NodeAgent.Kubernetes.Velero;

/// <summary>The file-system restore of one pod volume.</summary>
public sealed record PodVolumeRestore
{
    public const string KindName = "PodVolumeRestore";

    public string ApiVersion { get; init; } = VeleroResources.ApiVersion;

    public string Kind { get; init; } = KindName;

    public ObjectMeta Metadata { get; init; } = new();

    public PodVolumeRestoreSpec Spec { get; init; } = new();

    public PodVolumeRestoreStatus? Status { get; init; }
}
