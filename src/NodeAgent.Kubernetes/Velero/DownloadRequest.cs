namespace NodeAgent.Kubernetes.Velero;

/// <summary>A request for a URL of a file of a backup or restore.</summary>
public sealed record DownloadRequest
{
    public const string KindName = "DownloadRequest";

    public string ApiVersion { get; init; } = VeleroResources.ApiVersion;

    public string Kind { get; init; } = KindName;

    public ObjectMeta Metadata { get; init; } = new();

    public DownloadRequestSpec Spec { get; init; } = new();

    public DownloadRequestStatus? Status { get; init; }
}
