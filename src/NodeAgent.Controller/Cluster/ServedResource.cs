using NodeAgent.Kubernetes;

namespace NodeAgent.Controller.Cluster;

/// <summary>A resource type that the cluster serves, with what can be done to it and the names people call it by.</summary>
internal sealed record ServedResource(ResourceKind Kind, IReadOnlyList<string> Verbs, string Singular, IReadOnlyList<string> ShortNames);
