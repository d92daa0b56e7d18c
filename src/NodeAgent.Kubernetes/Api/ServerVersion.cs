namespace NodeAgent.Kubernetes.Api;

/// <summary>What the server says it is, such as v1.34.1.</summary>
public sealed record ServerVersion(string GitVersion, string Major, string Minor, string Platform);
