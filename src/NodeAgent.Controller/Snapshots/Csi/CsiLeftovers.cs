using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Snapshots.Csi;

/// <summary>Removes the VolumeSnapshots, and what they stand for, of a backup that failed while its controller could not do so: nobody else knows them.</summary>
internal sealed class CsiLeftovers(ClusterClient cluster)
{
    /// <summary>Done twice, it does no harm. Where the cluster serves no VolumeSnapshots, there are none.</summary>
    public async Task RemoveAsync(string backupUid, CancellationToken cancellation)
    {
        var found = new List<JsonObject>();
        try
        {
            await foreach (var item in cluster.ListAsync(KubernetesResources.VolumeSnapshots, null, $"{VeleroLabels.BackupUid}={backupUid}", cancellation)) found.Add(item);
        }
        catch (ApiException e) when (e.IsNotFound)
        {
            return;
        }

        foreach (var snapshot in found)
        {
            if (snapshot.Text("status", "boundVolumeSnapshotContentName") is { Length: > 0 } content) await ReleaseAsync(content, cancellation);
            await cluster.DeleteAsync(KubernetesResources.VolumeSnapshots, snapshot.Namespace(), snapshot.Name(), cancellation);
        }
    }

    private async Task ReleaseAsync(string content, CancellationToken cancellation)
    {
        try
        {
            await cluster.PatchAsync(KubernetesResources.VolumeSnapshotContents, null, content, new JsonObject { ["spec"] = new JsonObject { ["deletionPolicy"] = "Delete" } }, null, cancellation);
        }
        catch (ApiException e) when (e.IsNotFound)
        {
            // It is gone already.
        }
    }
}
