using Microsoft.Extensions.Logging;
using NodeAgent.Agent.Runs;
using NodeAgent.Agent.Volumes;
using NodeAgent.Filesystem;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Agent;

/// <summary>What both reconcilers work with.</summary>
internal sealed record AgentServices(ApiClient Client, AgentOptions Options, VolumeFinder Volumes, PodLookup Pods, RepositoryOpener Repositories, Telemetry Telemetry, ILogger Log)
{
    public TimeProvider Time => Client.Time;

    /// <summary>Of the snapshots that this agent has come across, in all locations.</summary>
    public SnapshotSourceCache Snapshots { get; } = new();

    public AgentMemory Memory { get; } = new(Options.ControlGroups, WorkerCount.ProcessMemory, Options.Concurrency);
}
