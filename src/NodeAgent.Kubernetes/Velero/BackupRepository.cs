namespace NodeAgent.Kubernetes.Velero;

/// <summary>A repository of volume data.</summary>
public sealed record BackupRepository
{
    public const string KindName = "BackupRepository";

    public string ApiVersion { get; init; } = VeleroResources.ApiVersion;

    public string Kind { get; init; } = KindName;

    public ObjectMeta Metadata { get; init; } = new();

    public BackupRepositorySpec Spec { get; init; } = new();

    public BackupRepositoryStatus? Status { get; init; }
}
