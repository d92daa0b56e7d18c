namespace NodeAgent.Kubernetes.Api;

/// <summary>An object that does not fit the type it was read as, with one line that says where.</summary>
public sealed record MalformedObject(KubernetesObject Item, string Problem);
