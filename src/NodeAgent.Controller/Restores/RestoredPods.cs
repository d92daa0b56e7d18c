using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Restores;

/// <summary>The pods of a restore for all who wait until something becomes of them: one list in each poll interval, however many they are. Safe for concurrent use.</summary>
internal sealed class RestoredPods(ClusterClient cluster, string restore, TimeProvider time)
{
    private readonly SharedLook _look = new(token => ListAsync(cluster, restore, token), time);

    /// <summary>The pod as it was at a moment after the given one, and that moment; null when it is gone.</summary>
    public async Task<(long BegunAt, JsonObject? Pod)> AfterAsync(long moment, string ns, string name, CancellationToken cancellation)
    {
        var (begunAt, pods) = await _look.BegunAfterAsync(moment, cancellation);
        // One whose controller has replaced it lacks the restore's label.
        return (begunAt, pods.GetValueOrDefault($"{ns}/{name}") ?? await cluster.GetAsync(KubernetesResources.Pods, ns, name, cancellation));
    }

    private static async Task<IReadOnlyDictionary<string, JsonObject>> ListAsync(ClusterClient cluster, string restore, CancellationToken cancellation)
    {
        var found = new Dictionary<string, JsonObject>(StringComparer.Ordinal);
        await foreach (var pod in cluster.ListAsync(KubernetesResources.Pods, null, $"{VeleroLabels.RestoreName}={VeleroLabels.ToLabelValue(restore)}", cancellation)) found[pod.QualifiedName()] = pod;
        return found;
    }
}
