using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Work;

/// <summary>
/// Ends work whose agent died and does not come back, or whose pod is gone before any agent took it up: nobody else ever would, and whoever waits for it would wait for hours.
/// Given only work that this program asked for. Not for concurrent use.
/// </summary>
internal sealed class LostAgents(ClusterClient cluster, AgentDirectory agents, ControllerOptions options, TimeProvider time)
{
    // Since when, as seen from here, a node was found without an agent each time.
    private readonly Dictionary<string, long> _goneSince = new(StringComparer.Ordinal);
    private long? _lookedAt;

    /// <summary>
    /// Ends what runs, or waits to, on nodes whose agent has been gone for the heartbeat's timeout, or for the longer one of resources while
    /// another is on its way there, as in an upgrade whose image is pulled for minutes. During an outage of the API
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
                var (node, isPodGone) = await PlaceOfAsync(work, cancellation);
                if (isPodGone) await EndAsync(kind, work, "the pod was deleted before its volumes were restored", log, cancellation);
                if (node is not { Length: > 0 }) continue;
                if (!byNode.TryGetValue(node, out var theirs)) byNode[node] = theirs = [];
                theirs.Add(work);
            }

            foreach (var (node, theirs) in byNode)
            {
                if (!await agents.IsGoneAsync(node, cancellation)) _goneSince.Remove(node);
                else if (!_goneSince.TryGetValue(node, out var since)) _goneSince[node] = time.GetTimestamp();
                else if (time.GetElapsedTime(since) is var gone && gone >= options.HeartbeatTimeout)
                {
                    // The next agent of the node takes up all of it, whether begun or not, as if nothing had happened.
                    if (gone >= options.ResourceTimeout) await EndAsync(kind, node, theirs, options.ResourceTimeout, log, cancellation);
                    else if (!await agents.IsComingAsync(node, cancellation)) await EndAsync(kind, node, theirs, options.HeartbeatTimeout, log, cancellation);
                }
            }
        }
        catch (Exception e) when (Outage.IsCauseOf(e))
        {
            // Agents cannot show that they live either.
            _goneSince.Clear();
        }
    }

    /// <summary>A volume backup names its node; a volume restore goes where its pod is, as long as there is one.</summary>
    private async Task<(string? Node, bool IsPodGone)> PlaceOfAsync(JsonObject work, CancellationToken cancellation)
    {
        if ((work.Text("spec", "node") ?? work.Text("status", "node")) is { Length: > 0 } node) return (node, false);
        var pod = await cluster.GetAsync(KubernetesResources.Pods, work.Text("spec", "pod", "namespace"), work.Text("spec", "pod", "name") ?? "", cancellation);
        var isGone = PodVolumeWork.IsNew(work) && (pod is null || (work.Text("spec", "pod", "uid") is { Length: > 0 } uid && uid != pod.Uid()));
        return (isGone ? null : pod.Text("spec", "nodeName"), isGone);
    }

    private async Task EndAsync(ResourceKind kind, string node, List<JsonObject> theirs, TimeSpan limit, RunLog log, CancellationToken cancellation)
    {
        var reason = $"the agent of node {node} is gone since {GoDuration.Format(limit)} or longer; see whether the node and the agent's pod on it run";
        foreach (var work in theirs)
        {
            if (!await EndAsync(kind, work, reason, log, cancellation)) _goneSince.Remove(node);
        }
    }

    /// <summary>False when somebody wrote in the meantime: an agent that does is not gone.</summary>
    private async Task<bool> EndAsync(ResourceKind kind, JsonObject work, string reason, RunLog log, CancellationToken cancellation)
    {
        var status = new JsonObject
        {
            ["phase"] = PodVolumePhase.Failed,
            ["message"] = reason,
            ["completionTimestamp"] = ApiTimeConverter.Format(time.GetUtcNow()),
        };
        try
        {
            if (await cluster.PatchStatusAsync(kind, options.Namespace, work.Name(), status, cancellation, work.Text("metadata", "resourceVersion"))) log.Info($"{work.Name()} is ended as failed: {reason}");
            return true;
        }
        catch (ApiException e) when (e.IsConflict)
        {
            return false;
        }
    }
}
