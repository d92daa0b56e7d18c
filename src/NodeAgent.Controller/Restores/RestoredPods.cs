using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Restores;

/// <summary>The pods of a restore for all who wait until something becomes of them: one list in each poll interval, of what the API server remembers, however many they are. Safe for concurrent use.</summary>
internal sealed class RestoredPods(ClusterClient cluster, string restore, TimeProvider time)
{
    private readonly SharedLook _look = new(token => ListAsync(cluster, restore, token), time);

    /// <summary>The pod as the API server remembered it at a moment after the given one, and that moment; null when it is gone.</summary>
    public async Task<(long BegunAt, JsonObject? Pod)> AfterAsync(long moment, string ns, string name, CancellationToken cancellation)
    {
        var (begunAt, pods) = await _look.BegunAfterAsync(moment, cancellation);
        // One whose controller has replaced it lacks the restore's label, and one made just now may not be remembered yet.
        return (begunAt, pods.GetValueOrDefault($"{ns}/{name}") ?? await cluster.GetAsync(KubernetesResources.Pods, ns, name, cancellation));
    }

    private static async Task<IReadOnlyDictionary<string, JsonObject>> ListAsync(ClusterClient cluster, string restore, CancellationToken cancellation)
    {
        var found = new Dictionary<string, JsonObject>(StringComparer.Ordinal);
        var options = new ListOptions { LabelSelector = $"{VeleroLabels.RestoreName}={VeleroLabels.ToLabelValue(restore)}", FromCache = true };
        await foreach (var pod in cluster.ListByAsync(KubernetesResources.Pods, null, options, cancellation)) found[pod.QualifiedName()] = pod;
        return found;
    }
}
