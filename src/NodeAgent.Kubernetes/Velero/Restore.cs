namespace NodeAgent.Kubernetes.Velero;

/// <summary>A restore from a backup.</summary>
public sealed record Restore
{
    public const string KindName = "Restore";

    public string ApiVersion { get; init; } = VeleroResources.ApiVersion;

    public string Kind { get; init; } = KindName;

    public ObjectMeta Metadata { get; init; } = new();

    public RestoreSpec Spec { get; init; } = new();

    public RestoreStatus? Status { get; init; }
}
