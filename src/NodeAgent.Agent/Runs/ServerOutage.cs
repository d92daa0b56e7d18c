using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;

namespace NodeAgent.Agent.Runs;

/// <summary>An API server that is away or has just been started, or a token that is being renewed: no reason to throw work of hours away.</summary>
internal static class ServerOutage
{
    /// <summary>Whether the same question may be answered later although nothing else changes.</summary>
    public static bool IsCauseOf(Exception e) => e is HttpRequestException or ClusterConfigException or ApiException { IsTransient: true };
}
