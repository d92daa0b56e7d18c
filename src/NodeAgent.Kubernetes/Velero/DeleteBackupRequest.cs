namespace NodeAgent.Kubernetes.Velero;

/// <summary>A request to delete a backup with all of its data.</summary>
public sealed record DeleteBackupRequest
{
    public const string KindName = "DeleteBackupRequest";

    public string ApiVersion { get; init; } = VeleroResources.ApiVersion;

    public string Kind { get; init; } = KindName;

    public ObjectMeta Metadata { get; init; } = new();

    public DeleteBackupRequestSpec Spec { get; init; } = new();

    public DeleteBackupRequestStatus? Status { get; init; }
}
