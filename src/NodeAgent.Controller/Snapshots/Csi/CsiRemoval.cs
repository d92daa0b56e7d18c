using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Snapshots.Csi;

/// <summary>
/// Has CSI drivers delete the snapshots of a backup. They are reached through a VolumeSnapshotContent alone: the backup's own where it is still
/// there, else one that is made for the purpose, and that is deleted with the policy Delete. Done twice, it does no harm.
/// </summary>
internal sealed class CsiRemoval(ClusterClient cluster, ControllerOptions options, TimeProvider time)
{
    /// <summary>Tries them all at once and says, a line each, which are still there and why.</summary>
    public async Task<IReadOnlyList<string>> RemoveAsync(JsonObject backup, CsiFiles files, CancellationToken cancellation)
    {
        // Of what the file names, what the backup did not make is not its own to delete.
        var own = files.Contents.Where(c => c.Label(VeleroLabels.BackupName) == VeleroLabels.ToLabelValue(backup.Name()) && c.Text("status", "snapshotHandle") is { Length: > 0 }).ToList();
        if (own.Count == 0) return [];
        var served = (await cluster.DiscoverAsync(cancellation)).All.Any(r => r.Kind == KubernetesResources.VolumeSnapshotContents);
        if (!served) return [.. own.Select(c => $"{What(c)}: the cluster does not serve snapshot.storage.k8s.io/v1, without which its driver cannot be asked; install the VolumeSnapshot definitions and the driver")];
        var problems = await Task.WhenAll(own.Select(c => RemoveAsync(c, cancellation)));
        return [.. problems.OfType<string>()];
    }

    private static string What(JsonObject content) => $"snapshot {content.Text("status", "snapshotHandle")} of driver {content.Text("spec", "driver")}";

    private async Task<string?> RemoveAsync(JsonObject content, CancellationToken cancellation)
    {
        try
        {
            var name = await DeleteOwnAsync(content, cancellation) ?? await DeleteThroughAnotherAsync(content, cancellation);
            return await AwaitAsync(name, cancellation) is { } problem ? $"{What(content)}: {problem}" : null;
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            return $"{What(content)}: {e.Message}";
        }
    }

    /// <summary>The name of the backup's own content, now being deleted; null when it is not in this cluster.</summary>
    private async Task<string?> DeleteOwnAsync(JsonObject content, CancellationToken cancellation)
    {
        var name = content.Name();
        var existing = await cluster.GetAsync(KubernetesResources.VolumeSnapshotContents, null, name, cancellation);
        if (existing is null || existing.Text("status", "snapshotHandle") != content.Text("status", "snapshotHandle")) return null;
        await cluster.PatchAsync(KubernetesResources.VolumeSnapshotContents, null, name, new JsonObject { ["spec"] = new JsonObject { ["deletionPolicy"] = "Delete" } }, null, cancellation);
        await cluster.DeleteAsync(KubernetesResources.VolumeSnapshotContents, null, name, cancellation);
        if (existing.Text("spec", "volumeSnapshotRef", "namespace") is { } ns && existing.Text("spec", "volumeSnapshotRef", "name") is { } snapshot)
            await cluster.DeleteAsync(KubernetesResources.VolumeSnapshots, ns, snapshot, cancellation);
        return name;
    }

    private async Task<string> DeleteThroughAnotherAsync(JsonObject content, CancellationToken cancellation)
    {
        var handle = content.Text("status", "snapshotHandle")!;
        var driver = content.Text("spec", "driver") ?? "";
        var name = "velero-delete-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{driver}/{handle}")))[..32];
        var made = new JsonObject
        {
            ["apiVersion"] = KubernetesResources.VolumeSnapshotContents.ApiVersion,
            ["kind"] = KubernetesResources.VolumeSnapshotContents.Kind,
            // With the driver's finalizer from the start it cannot go before the driver has seen that it is to go.
            ["metadata"] = new JsonObject { ["name"] = name, ["annotations"] = content.At("metadata", "annotations")?.DeepClone(), ["finalizers"] = new JsonArray(CsiLabels.ContentFinalizer) },
            ["spec"] = new JsonObject
            {
                ["deletionPolicy"] = "Delete",
                ["driver"] = driver,
                ["source"] = new JsonObject { ["snapshotHandle"] = handle },
                ["volumeSnapshotRef"] = new JsonObject { ["apiVersion"] = KubernetesResources.VolumeSnapshots.ApiVersion, ["kind"] = KubernetesResources.VolumeSnapshots.Kind, ["namespace"] = options.Namespace, ["name"] = name },
            },
        };
        try
        {
            await cluster.CreateAsync(KubernetesResources.VolumeSnapshotContents, null, made, cancellation);
        }
        catch (ApiException e) when (e.StatusCode == System.Net.HttpStatusCode.Conflict)
        {
            // An attempt before this one made it.
        }

        await cluster.DeleteAsync(KubernetesResources.VolumeSnapshotContents, null, name, cancellation);
        return name;
    }

    private async Task<string?> AwaitAsync(string name, CancellationToken cancellation)
    {
        var started = time.GetTimestamp();
        while (await cluster.GetAsync(KubernetesResources.VolumeSnapshotContents, null, name, cancellation) is { } content)
        {
            if (time.GetElapsedTime(started) > options.ResourceTimeout)
            {
                return $"VolumeSnapshotContent {name} is still there after {GoDuration.Format(options.ResourceTimeout)}: "
                    + (content.Text("status", "error", "message")?.ReplaceLineEndings(" ") ?? "nothing tells why; see that the driver's csi-snapshotter runs");
            }

            await Task.Delay(options.PollInterval, time, cancellation);
        }

        return null;
    }
}
