namespace NodeAgent.Kubernetes.Velero;

/// <summary>A backup of objects and volumes.</summary>
public sealed record Backup
{
    public const string KindName = "Backup";

    public string ApiVersion { get; init; } = VeleroResources.ApiVersion;

    public string Kind { get; init; } = KindName;

    public ObjectMeta Metadata { get; init; } = new();

    public BackupSpec Spec { get; init; } = new();

    public BackupStatus? Status { get; init; }
}
