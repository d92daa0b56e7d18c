using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Restores;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Snapshots.Csi;

/// <summary>
/// Removes the VolumeSnapshots and VolumeSnapshotContents of restores when the claims that they were made for are filled, or gone. A claim may be
/// filled only when a pod that mounts it is scheduled, long after its restore. The snapshots that they stand for belong to the backup and stay.
/// </summary>
internal sealed class CsiRestoreSweep(ClusterClient cluster, ControllerOptions options, ControllerServices services)
{
    /// <summary>Looks for them from time to time, until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                await SweepAsync(cancellation);
            }
            catch (Exception e) when (e is ApiException or HttpRequestException)
            {
                services.Log.RunFailed("search for snapshots of filled claims", "all", e);
            }

            await Task.Delay(options.SnapshotSweepInterval, services.Time, cancellation);
        }
    }

    private async Task SweepAsync(CancellationToken cancellation)
    {
        var found = new List<JsonObject>();
        try
        {
            await foreach (var item in cluster.ListAsync(KubernetesResources.VolumeSnapshots, null, $"{CsiLabels.MadeFor}={CsiLabels.ARestore}", cancellation)) found.Add(item);
        }
        catch (ApiException e) when (e.IsNotFound)
        {
            // The cluster serves none.
        }

        if (found.Count == 0) return;
        var atWork = await RestoresAtWorkAsync(cancellation);
        foreach (var snapshot in found)
        {
            if (!await IsNeededAsync(snapshot, atWork, cancellation)) await RemoveAsync(snapshot, cancellation);
        }
    }

    private async Task<HashSet<string>> RestoresAtWorkAsync(CancellationToken cancellation)
    {
        var uids = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var restore in cluster.ListAsync(VeleroResources.Restores, options.Namespace, null, cancellation))
        {
            if (!RestoreReconciler.IsEnded(restore)) uids.Add(restore.Uid());
        }

        return uids;
    }

    private async Task<bool> IsNeededAsync(JsonObject snapshot, HashSet<string> atWork, CancellationToken cancellation)
    {
        var claim = await cluster.GetAsync(KubernetesResources.PersistentVolumeClaims, snapshot.Namespace(), snapshot.Annotation(CsiLabels.Claim) ?? "", cancellation);
        // While its restore is at work, the claim may be about to be made.
        if (claim.Text("spec", "dataSource", "name") != snapshot.Name()) return atWork.Contains(snapshot.Label(VeleroLabels.RestoreUid) ?? "");
        return claim.Text("status", "phase") is not ("Bound" or "Lost");
    }

    private async Task RemoveAsync(JsonObject snapshot, CancellationToken cancellation)
    {
        // The content first: without its snapshot nothing would lead to it any more.
        if (snapshot.Text("spec", "source", "volumeSnapshotContentName") is { Length: > 0 } name
            && await cluster.GetAsync(KubernetesResources.VolumeSnapshotContents, null, name, cancellation) is { } content && content.Label(CsiLabels.MadeFor) == CsiLabels.ARestore)
        {
            // With any other policy the backup's snapshot would go with it.
            if (content.Text("spec", "deletionPolicy") != "Retain") return;
            await cluster.DeleteAsync(KubernetesResources.VolumeSnapshotContents, null, name, cancellation);
        }

        await cluster.DeleteAsync(KubernetesResources.VolumeSnapshots, snapshot.Namespace(), snapshot.Name(), cancellation);
    }
}
