namespace NodeAgent.Kubernetes.Velero;

/// <summary>A request for the version of the server.</summary>
public sealed record ServerStatusRequest
{
    public const string KindName = "ServerStatusRequest";

    public string ApiVersion { get; init; } = VeleroResources.ApiVersion;

    public string Kind { get; init; } = KindName;

    public ObjectMeta Metadata { get; init; } = new();

    public ServerStatusRequestSpec Spec { get; init; } = new();

    public ServerStatusRequestStatus? Status { get; init; }
}
