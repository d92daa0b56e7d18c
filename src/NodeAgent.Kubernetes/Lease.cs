namespace NodeAgent.Kubernetes;

/// <summary>Who may act, until when: coordination.k8s.io/v1.</summary>
public sealed record Lease
{
    public string ApiVersion { get; init; } = "coordination.k8s.io/v1";

    public string Kind { get; init; } = "Lease";

    public ObjectMeta Metadata { get; init; } = new();

    public LeaseSpec Spec { get; init; } = new();
}
