namespace NodeAgent.Kubernetes.Velero;

/// <summary>A place that volume snapshots are made in.</summary>
public sealed record VolumeSnapshotLocation
{
    public const string KindName = "VolumeSnapshotLocation";

    public string ApiVersion { get; init; } = VeleroResources.ApiVersion;

    public string Kind { get; init; } = KindName;

    public ObjectMeta Metadata { get; init; } = new();

    public VolumeSnapshotLocationSpec Spec { get; init; } = new();

    public VolumeSnapshotLocationStatus? Status { get; init; }
}
