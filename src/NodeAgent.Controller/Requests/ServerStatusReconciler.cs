using System.Reflection;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Storage;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Requests;

/// <summary>Answers which version runs and which providers of storage and of snapshots it has.</summary>
internal sealed class ServerStatusReconciler(ClusterClient cluster, ControllerOptions options, ControllerServices services)
{
    private static readonly TimeSpan KeepProcessed = TimeSpan.FromMinutes(1);

    public async Task<TimeSpan?> ReconcileAsync(JsonObject item, CancellationToken cancellation)
    {
        if (item.Text("status", "phase") == ServerStatusRequestPhase.Processed)
        {
            if (!DateTimeOffset.TryParse(item.Text("status", "processedTimestamp"), System.Globalization.CultureInfo.InvariantCulture, out var processed)) return null;
            var left = processed + KeepProcessed - services.Time.GetUtcNow();
            if (left > TimeSpan.Zero) return left;
            await cluster.DeleteAsync(VeleroResources.ServerStatusRequests, options.Namespace, item.Name(), cancellation);
            return null;
        }

        var version = typeof(ServerStatusReconciler).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
        await cluster.PatchStatusAsync(VeleroResources.ServerStatusRequests, options.Namespace, item.Name(), new JsonObject
        {
            ["phase"] = ServerStatusRequestPhase.Processed,
            ["processedTimestamp"] = ApiTimeConverter.Format(services.Time.GetUtcNow()),
            ["serverVersion"] = $"nodeagent {version}",
            ["plugins"] = new JsonArray([.. LocationProviders.Known.Select(name => Plugin(name, "ObjectStore")), .. services.Snapshots.Providers.Known.Select(name => Plugin(name, "VolumeSnapshotter"))]),
        }, cancellation);
        return KeepProcessed;
    }

    private static JsonObject Plugin(string provider, string kind) => new JsonObject { ["name"] = $"nodeagent.io/{provider}", ["kind"] = kind };
}
