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
        foreach (var selector in new[] { "role=node-agent", "name=node-agent" })
        {
            await foreach (var pod in cluster.ListAsync(KubernetesResources.Pods, options.Namespace, selector, cancellation))
            {
                if (pod.Text("spec", "nodeName") == node && pod.Text("status", "phase") == "Running") return true;
            }
        }

        return await IsBeatingAsync(node, cancellation);
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

    private static string Beat(System.Text.Json.Nodes.JsonObject lease) => $"{lease.Text("spec", "holderIdentity")} {lease.Text("spec", "renewTime")}";

    private async Task<bool> IsBeatingAsync(string node, CancellationToken cancellation)
    {
        var lease = await cluster.GetAsync(KubernetesResources.Leases, options.Namespace, LeasePrefix + node, cancellation);
        // An agent that stops hands its lease back by clearing the holder.
        if (lease is null || string.IsNullOrEmpty(lease.Text("spec", "holderIdentity"))) return false;
        var seenAt = Note(LeasePrefix + node, Beat(lease));
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
