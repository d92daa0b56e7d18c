namespace NodeAgent.Kubernetes.Velero;

/// <summary>Nothing is asked for but an answer.</summary>
public sealed record ServerStatusRequestSpec;
