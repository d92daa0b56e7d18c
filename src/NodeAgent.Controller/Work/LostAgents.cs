using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Work;

/// <summary>
/// Ends work whose agent died and does not come back: nobody else ever would, and whoever waits for it would wait for hours.
/// Given only work that this program asked for. Not for concurrent use.
/// </summary>
internal sealed class LostAgents(ClusterClient cluster, AgentDirectory agents, ControllerOptions options, TimeProvider time)
{
    // Since when, as seen from here, a node was found without an agent each time.
    private readonly Dictionary<string, long> _goneSince = new(StringComparer.Ordinal);
    private long? _lookedAt;

    /// <summary>
    /// Ends what runs, or waits to, on nodes whose agent has been gone for the heartbeat's timeout. During an outage of the API
    /// server nothing is known, and the time starts anew.
    /// </summary>
    public async Task EndTheirsAsync(ResourceKind kind, IReadOnlyList<JsonObject> open, RunLog log, CancellationToken cancellation)
    {
        // Four looks within the timeout tell the same as one at each poll.
        if (_lookedAt is { } last && time.GetElapsedTime(last) < options.HeartbeatTimeout / 4) return;
        _lookedAt = time.GetTimestamp();
        try
        {
            var byNode = new Dictionary<string, List<JsonObject>>(StringComparer.Ordinal);
            foreach (var work in open)
            {
                if (await NodeOfAsync(work, cancellation) is not { Length: > 0 } node) continue;
                if (!byNode.TryGetValue(node, out var theirs)) byNode[node] = theirs = [];
                theirs.Add(work);
            }

            foreach (var (node, theirs) in byNode)
            {
                if (!await agents.IsGoneAsync(node, cancellation)) _goneSince.Remove(node);
                else if (!_goneSince.TryGetValue(node, out var since)) _goneSince[node] = time.GetTimestamp();
                else if (time.GetElapsedTime(since) >= options.HeartbeatTimeout) await EndAsync(kind, node, theirs, log, cancellation);
            }
        }
        catch (Exception e) when (Outage.IsCauseOf(e))
        {
            // Agents cannot show that they live either.
            _goneSince.Clear();
        }
    }

    /// <summary>A volume backup names its node; a volume restore goes where its pod is.</summary>
    private async Task<string?> NodeOfAsync(JsonObject work, CancellationToken cancellation)
    {
        if ((work.Text("spec", "node") ?? work.Text("status", "node")) is { Length: > 0 } node) return node;
        var pod = await cluster.GetAsync(KubernetesResources.Pods, work.Text("spec", "pod", "namespace"), work.Text("spec", "pod", "name") ?? "", cancellation);
        return pod.Text("spec", "nodeName");
    }

    private async Task EndAsync(ResourceKind kind, string node, List<JsonObject> theirs, RunLog log, CancellationToken cancellation)
    {
        foreach (var work in theirs)
        {
            var status = new JsonObject
            {
                ["phase"] = PodVolumePhase.Failed,
                ["message"] = $"the agent of node {node} is gone since {GoDuration.Format(options.HeartbeatTimeout)} or longer; see whether the node and the agent's pod on it run",
                ["completionTimestamp"] = ApiTimeConverter.Format(time.GetUtcNow()),
            };
            try
            {
                // An agent that wrote in the meantime is not gone.
                if (await cluster.PatchStatusAsync(kind, options.Namespace, work.Name(), status, cancellation, work.Text("metadata", "resourceVersion")))
                {
                    log.Info($"{work.Name()}: the agent of node {node} is gone, so it is ended as failed");
                }
            }
            catch (ApiException e) when (e.IsConflict)
            {
                _goneSince.Remove(node);
            }
        }
    }
}
