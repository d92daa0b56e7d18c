namespace NodeAgent.Kubernetes.Velero;

/// <summary>The upload of the data of one snapshot.</summary>
public sealed record DataUpload
{
    public const string KindName = "DataUpload";

    public string ApiVersion { get; init; } = VeleroResources.AlphaApiVersion;

    public string Kind { get; init; } = KindName;

    public ObjectMeta Metadata { get; init; } = new();

    public DataUploadSpec Spec { get; init; } = new();

    public DataUploadStatus? Status { get; init; }
}
