using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Schedules;

/// <summary>
/// Keeps when the volumes of each workload with an expression of its own were last backed up, in a ConfigMap: the backups themselves expire, often
/// long before the next one is due.
/// </summary>
internal sealed class PodScheduleMemory(ClusterClient cluster, ControllerOptions options)
{
    public const string ConfigMapName = "nodeagent-pod-schedules";

    // Longer than any expression waits, but for a 29 February.
    private static readonly TimeSpan KeptFor = TimeSpan.FromDays(3 * 366);

    private Dictionary<string, DateTimeOffset> _last = new(StringComparer.Ordinal);

    /// <summary>Reads what is kept. To be called before each look at the workloads.</summary>
    public async Task LoadAsync(CancellationToken cancellation)
    {
        var kept = (await cluster.GetAsync(KubernetesResources.ConfigMaps, options.Namespace, ConfigMapName, cancellation)).StringMap("data");
        _last = new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal);
        foreach (var (workload, text) in kept)
        {
            if (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, out var time)) _last[workload] = time;
        }
    }

    /// <summary>When the workload was last backed up; null when that is not known.</summary>
    public DateTimeOffset? LastOf(string workload) => _last.TryGetValue(workload, out var time) ? time : null;

    /// <summary>Keeps the time, if it is later than the one that is kept, and drops those of workloads that have been gone for years.</summary>
    public async Task NoteAsync(string workload, DateTimeOffset time, CancellationToken cancellation)
    {
        // The server keeps whole seconds of everything else.
        time = time.AddTicks(-(time.Ticks % TimeSpan.TicksPerSecond));
        if (LastOf(workload) >= time) return;
        var data = new JsonObject { [workload] = ApiTimeConverter.Format(time) };
        foreach (var (other, last) in _last.Where(l => time - l.Value > KeptFor && l.Key != workload)) data[other] = null;
        try
        {
            await cluster.PatchAsync(KubernetesResources.ConfigMaps, options.Namespace, ConfigMapName, new JsonObject { ["data"] = data }, null, cancellation);
        }
        catch (ApiException e) when (e.IsNotFound)
        {
            await CreateAsync(workload, time, cancellation);
        }

        _last[workload] = time;
    }

    private async Task CreateAsync(string workload, DateTimeOffset time, CancellationToken cancellation)
    {
        try
        {
            await cluster.CreateAsync(KubernetesResources.ConfigMaps, options.Namespace, new JsonObject
            {
                ["apiVersion"] = KubernetesResources.ConfigMaps.ApiVersion,
                ["kind"] = KubernetesResources.ConfigMaps.Kind,
                ["metadata"] = new JsonObject { ["name"] = ConfigMapName, ["namespace"] = options.Namespace },
                ["data"] = new JsonObject { [workload] = ApiTimeConverter.Format(time) },
            }, cancellation);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            // Made meanwhile; the next look keeps the time, since the backup is there.
        }
    }
}
