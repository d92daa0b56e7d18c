namespace NodeAgent.DevCluster;

/// <summary>A command that a client runs in a container; the cluster's ExecHandler answers it, since no container runs.</summary>
/// <param name="Stdin">What the client sent before the handler was called; empty when it attached no standard input.</param>
public sealed record PodExecRequest(string Namespace, string Pod, string Container, IReadOnlyList<string> Command, ReadOnlyMemory<byte> Stdin);
