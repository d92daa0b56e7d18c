using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;

namespace NodeAgent.Agent;

/// <summary>
/// Tells the controller that this node is served, by renewing the Lease <c>nodeagent-&lt;node&gt;</c>. It elects nobody: a run under way
/// outlives any outage of the API server.
/// </summary>
internal sealed class NodeHeartbeat(ApiClient client, AgentOptions options, ILogger log)
{
    private const int MissedBeats = 4;

    private static readonly TimeSpan LastBeat = TimeSpan.FromSeconds(5);

    private readonly string _name = "nodeagent-" + options.NodeName;
    private readonly string _identity = $"{Environment.MachineName}_{Environment.ProcessId}";

    /// <summary>Beats until cancelled; then the lease is given back, so that nobody waits for it to run out.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                await BeatAsync(_identity, cancellation);
                await Task.Delay(options.HeartbeatInterval, client.Time, cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            using var limit = new CancellationTokenSource(LastBeat, client.Time);
            await BeatAsync("", limit.Token).ContinueWith(static _ => { }, TaskScheduler.Default);
        }
    }

    private async Task BeatAsync(string holder, CancellationToken cancellation)
    {
        var duration = (int)Math.Ceiling((options.HeartbeatInterval * MissedBeats).TotalSeconds);
        var now = client.Time.GetUtcNow();
        try
        {
            var spec = new JsonObject
            {
                ["holderIdentity"] = holder,
                ["leaseDurationSeconds"] = duration,
                ["renewTime"] = MicroTimeConverter.Format(now),
            };
            try
            {
                await client.PatchAsync(KubernetesResources.Leases, options.Namespace, _name, new JsonObject { ["spec"] = spec }, cancellation);
            }
            catch (ApiException e) when (e.IsNotFound && holder.Length > 0)
            {
                var lease = new Lease
                {
                    Metadata = new ObjectMeta { Name = _name, Namespace = options.Namespace },
                    Spec = new LeaseSpec { HolderIdentity = holder, LeaseDurationSeconds = duration, AcquireTime = now, RenewTime = now },
                };
                await client.CreateAsync(KubernetesResources.Leases, options.Namespace, lease, KubernetesJsonContext.Default.Lease, cancellation);
            }
        }
        catch (Exception e) when (e is ApiException or HttpRequestException or ClusterConfigException)
        {
            // The next beat tries again; the controller is patient for some of them.
            log.HeartbeatFailed(e.Message);
        }
    }
}
