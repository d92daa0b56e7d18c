using Microsoft.Extensions.Logging;
using NodeAgent.Agent.Volumes;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Agent;

/// <summary>What both reconcilers work with.</summary>
internal sealed record AgentServices(ApiClient Client, AgentOptions Options, VolumeFinder Volumes, PodLookup Pods, RepositoryOpener Repositories, Telemetry Telemetry, ILogger Log)
{
    public TimeProvider Time => Client.Time;
}
