using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Snapshots;

/// <summary>Checks volume snapshot locations and says on each whether it can be used, and if not, why.</summary>
internal sealed class SnapshotLocationReconciler(ClusterClient cluster, SnapshotLocations locations, ControllerOptions options, ControllerServices services)
{
    // What was checked last and when, by name. Only a cache: a controller that is started checks anew.
    private readonly Dictionary<string, (string Settings, DateTimeOffset At)> _checked = new(StringComparer.Ordinal);

    public async Task<TimeSpan?> ReconcileAsync(JsonObject item, CancellationToken cancellation)
    {
        TimeSpan? again = options.StoreValidationFrequency > TimeSpan.Zero ? options.StoreValidationFrequency : null;
        string? problem;
        try
        {
            var location = item.Deserialize(VeleroJsonContext.Default.VolumeSnapshotLocation)!;
            var settings = await FingerprintAsync(location, cancellation);
            var now = services.Time.GetUtcNow();
            var isDue = item.Text("status", "phase") is null || !_checked.TryGetValue(item.Name(), out var last) || last.Settings != settings || (again is { } frequency && now - last.At >= frequency);
            if (!isDue) return again;
            problem = await ProblemOfAsync(location, cancellation);
            _checked[item.Name()] = (settings, now);
        }
        catch (JsonException e)
        {
            problem = $"the object is malformed at {e.Path}: {e.Message}";
            _checked.Remove(item.Name());
        }
        catch (Exception e) when (e is LocationException or SnapshotException)
        {
            problem = e.Message;
            _checked.Remove(item.Name());
        }

        var phase = problem is null ? LocationPhase.Available : LocationPhase.Unavailable;
        if (item.Text("status", "phase") != phase || item.Text("status", "message") != problem)
        {
            await cluster.PatchStatusAsync(VeleroResources.VolumeSnapshotLocations, options.Namespace, item.Name(), new JsonObject { ["phase"] = phase, ["message"] = problem }, cancellation);
        }

        return again;
    }

    private async Task<string?> ProblemOfAsync(VolumeSnapshotLocation location, CancellationToken cancellation)
    {
        if (SnapshotProviders.NameOf(location.Spec.Provider) == SnapshotProviders.Csi) return await ProblemOfCsiAsync(location, cancellation);
        using var snapshotter = await locations.OpenAsync(location, cancellation);
        try
        {
            await snapshotter.CheckAsync(cancellation);
            return null;
        }
        catch (SnapshotException e)
        {
            return $"snapshot location {location.Metadata.Name}: {e.Message}";
        }
    }

    private async Task<string?> ProblemOfCsiAsync(VolumeSnapshotLocation location, CancellationToken cancellation)
    {
        var unknown = (location.Spec.Config ?? new Dictionary<string, string>()).Keys.Order(StringComparer.Ordinal).FirstOrDefault(k => k != SnapshotLocations.ClassKey);
        if (unknown is not null) return $"snapshot location {location.Metadata.Name}: config.{unknown} is not known to provider csi; known is {SnapshotLocations.ClassKey}";
        var served = await cluster.DiscoverAsync(cancellation);
        return served.All.Any(r => r.Kind == KubernetesResources.VolumeSnapshots)
            ? null
            : $"snapshot location {location.Metadata.Name}: the cluster does not serve snapshot.storage.k8s.io/v1; install the VolumeSnapshot definitions and the snapshot controller";
    }

    /// <summary>A hash, so that no Secret is kept in memory for longer than it is used.</summary>
    private async Task<string> FingerprintAsync(VolumeSnapshotLocation location, CancellationToken cancellation)
    {
        var place = await locations.DescribeAsync(location, cancellation);
        var text = JsonSerializer.Serialize(location.Spec, VeleroJsonContext.Default.VolumeSnapshotLocationSpec) + '\0' + place.Credentials;
        return Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }
}
