namespace NodeAgent.Kubernetes.Velero;

/// <summary>The download of the data of one snapshot into a volume.</summary>
public sealed record DataDownload
{
    public const string KindName = "DataDownload";

    public string ApiVersion { get; init; } = VeleroResources.AlphaApiVersion;

    public string Kind { get; init; } = KindName;

    public ObjectMeta Metadata { get; init; } = new();

    public DataDownloadSpec Spec { get; init; } = new();

    public DataDownloadStatus? Status { get; init; }
}
