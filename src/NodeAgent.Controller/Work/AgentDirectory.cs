using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Controller.Work;

/// <summary>
/// Tells whether an agent serves a node: a running agent pod is on it, or the agent's heartbeat lease moves. A lease is judged
/// by when this process last saw it change, never by the time written in it, because clocks of nodes differ.
/// Safe for concurrent use.
/// </summary>
internal sealed class AgentDirectory(ClusterClient cluster, ControllerOptions options, TimeProvider time)
{
    private const string LeasePrefix = "nodeagent-";

    private readonly Lock _gate = new();
    private readonly Dictionary<string, (string? Beat, long SeenAt)> _beats = new(StringComparer.Ordinal);

    public async Task<bool> IsServedAsync(string node, CancellationToken cancellation)
    {
        if (node.Length == 0) return false;
        await foreach (var _ in PodsAsync(node, cancellation)) return true;
        return await cluster.GetAsync(KubernetesResources.Leases, options.Namespace, LeasePrefix + node, cancellation) is { } lease && IsBeating(lease);
    }

    /// <summary>
    /// Tells whether nobody works on a node any more. A node that dies leaves its agent's pod "Running" for as long as it is in
    /// the cluster, so an agent that has a heartbeat is judged by that alone; without one, by a pod that is not known to be unready.
    /// </summary>
    public async Task<bool> IsGoneAsync(string node, CancellationToken cancellation)
    {
        if (await cluster.GetAsync(KubernetesResources.Leases, options.Namespace, LeasePrefix + node, cancellation) is { } lease) return !IsBeating(lease);
        await foreach (var pod in PodsAsync(node, cancellation))
        {
            if (pod.Objects("status", "conditions").All(c => c.Text("type") != "Ready" || c.Text("status") == "True")) return false;
        }

        return true;
    }

    /// <summary>
    /// Tells whether an agent is on its way to a node where none works: its pod pulls its image, is started again after it broke, or still
    /// stands where the next one shall. On a node that died a pod stays "running" instead.
    /// </summary>
    public async Task<bool> IsComingAsync(string node, CancellationToken cancellation)
    {
        await foreach (var pod in AllPodsAsync(node, cancellation))
        {
            if (pod.Text("status", "phase") is "Failed" or "Succeeded") continue;
            if (pod.Text("status", "phase") == "Pending" || pod.Text("metadata", "deletionTimestamp") is not null) return true;
            if (pod.Objects("status", "containerStatuses").Any(c => c.At("state", "waiting") is not null)) return true;
        }

        return false;
    }

    /// <summary>Looks at all heartbeats from time to time, so that a question is answered by what was seen before it.</summary>
    public async Task ObserveAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                await foreach (var lease in cluster.ListAsync(KubernetesResources.Leases, options.Namespace, null, cancellation))
                {
                    if (lease.Name().StartsWith(LeasePrefix, StringComparison.Ordinal)) Note(lease.Name(), Beat(lease));
                }
            }
            catch (Exception e) when (e is ApiException or HttpRequestException or System.Text.Json.JsonException)
            {
                // The next round sees them again; until then the last observation stands and grows old.
            }

            await Task.Delay(options.HeartbeatTimeout / 4, time, cancellation);
        }
    }

    private static string Beat(JsonObject lease) => $"{lease.Text("spec", "holderIdentity")} {lease.Text("spec", "renewTime")}";

    /// <summary>The agent's running pods on a node.</summary>
    private async IAsyncEnumerable<JsonObject> PodsAsync(string node, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var pod in AllPodsAsync(node, cancellation))
        {
            if (pod.Text("status", "phase") == "Running") yield return pod;
        }
    }

    private async IAsyncEnumerable<JsonObject> AllPodsAsync(string node, [EnumeratorCancellation] CancellationToken cancellation)
    {
        foreach (var selector in new[] { "role=node-agent", "name=node-agent" })
        {
            await foreach (var pod in cluster.ListAsync(KubernetesResources.Pods, options.Namespace, selector, cancellation))
            {
                if (pod.Text("spec", "nodeName") == node) yield return pod;
            }
        }
    }

    private bool IsBeating(JsonObject lease)
    {
        var seenAt = Note(lease.Name(), Beat(lease));
        // An agent that stops hands its lease back by clearing the holder.
        if (string.IsNullOrEmpty(lease.Text("spec", "holderIdentity"))) return false;
        return time.GetElapsedTime(seenAt) <= options.HeartbeatTimeout;
    }

    private long Note(string name, string beat)
    {
        lock (_gate)
        {
            if (!_beats.TryGetValue(name, out var known) || known.Beat != beat) _beats[name] = known = (beat, time.GetTimestamp());
            return known.SeenAt;
        }
    }
}
