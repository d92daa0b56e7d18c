using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Events;
using NodeAgent.Controller.Work;

namespace NodeAgent.Controller.Restores;

/// <summary>What all parts of one restore's run share.</summary>
internal sealed record RestoreScope(ClusterClient Cluster, ControllerOptions Options, TimeProvider Time, RunLog Log, EventWriter Events, PreparedRestore Restore)
{
    public RestoredPods Pods { get; } = new(Cluster, Restore.Name, Time);
}
