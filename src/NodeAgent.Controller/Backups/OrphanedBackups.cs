using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Backups;

/// <summary>
/// Ends what a controller that died has left: a backup that nobody runs any more, and volumes whose backup is gone. A backup whose
/// files are all there is as it ended in the bucket, whatever the cluster came to know of it.
/// </summary>
internal sealed class OrphanedBackups(ClusterClient cluster, StorageLocations locations, ControllerOptions options, ControllerServices services)
{
    private static readonly TimeSpan SweepEvery = TimeSpan.FromHours(1);

    /// <summary>Ends a backup that is in progress and that this process does not run. Answers its phase.</summary>
    public async Task<string> EndAsync(JsonObject item, CancellationToken cancellation)
    {
        await new PodVolumeWork(cluster, options, services.Time).CancelAllAsync(VeleroResources.PodVolumeBackups, $"{VeleroLabels.BackupUid}={item.Uid()}", cancellation);
        var status = await EndInBucketAsync(item, cancellation) ?? new JsonObject
        {
            ["phase"] = BackupPhase.Failed,
            ["failureReason"] = $"the controller stopped while the backup was {item.Text("status", "phase")}; make a new backup",
            ["completionTimestamp"] = ApiTimeConverter.Format(services.Time.GetUtcNow()),
        };
        await cluster.PatchStatusAsync(VeleroResources.Backups, options.Namespace, item.Name(), status, cancellation);
        return status.Text("phase")!;
    }

    /// <summary>Cancels the volumes of backups that are gone, at once and then from time to time: nobody waits for them, and no agent should work for nobody.</summary>
    public async Task SweepAsync(CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                await SweepOnceAsync(cancellation);
            }
            catch (Exception e) when (e is ApiException or HttpRequestException)
            {
                services.Log.RunFailed("search for volumes without a backup", "all", e);
            }

            await Task.Delay(SweepEvery, services.Time, cancellation);
        }
    }

    private async Task SweepOnceAsync(CancellationToken cancellation)
    {
        var open = new List<JsonObject>();
        await foreach (var volume in cluster.ListAsync(VeleroResources.PodVolumeBackups, options.Namespace, null, cancellation))
        {
            if (!PodVolumeWork.IsFinal(volume) && !volume.IsTrue("spec", "cancel") && volume.Label(VeleroLabels.BackupUid) is not null) open.Add(volume);
        }

        // Read after the volumes: a volume's backup is made before it.
        var known = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var backup in cluster.ListAsync(VeleroResources.Backups, options.Namespace, null, cancellation)) known.Add(backup.Uid());
        foreach (var uid in open.Select(v => v.Label(VeleroLabels.BackupUid)!).Distinct().Where(u => !known.Contains(u)))
        {
            await new PodVolumeWork(cluster, options, services.Time).CancelAllAsync(VeleroResources.PodVolumeBackups, $"{VeleroLabels.BackupUid}={uid}", cancellation);
        }
    }

    /// <summary>
    /// The status with which the backup ended in the first of its locations that is complete; null when it ended in none. Where it did not,
    /// nothing passes for a backup afterwards.
    /// </summary>
    private async Task<JsonObject?> EndInBucketAsync(JsonObject item, CancellationToken cancellation)
    {
        if (item.Text("status", "phase") is not (BackupPhase.Finalizing or BackupPhase.FinalizingPartiallyFailed)) return null;
        JsonObject? ended = null;
        foreach (var name in BackupLocations.NamesOf(item))
        {
            var (opened, _) = await locations.OpenAsync(await locations.FindAsync(name, cancellation), name, forWriting: false, cancellation);
            await using var bucket = opened;
            if (bucket is null || await EndInAsync(bucket, item, cancellation) is not { } status || ended is not null) continue;
            ended = status;
            if (item.Text("spec", "storageLocation") == name) continue;
            await cluster.PatchAsync(VeleroResources.Backups, options.Namespace, item.Name(), new JsonObject { ["spec"] = new JsonObject { ["storageLocation"] = name } }, null, cancellation);
        }

        return ended;
    }

    private async Task<JsonObject?> EndInAsync(LocationBucket bucket, JsonObject item, CancellationToken cancellation)
    {
        try
        {
            if (await BackupMetadata.ReadAsync(bucket, item.Name(), cancellation) is not { } stored || stored.Uid() != item.Uid()) return null;
            if (stored.Text("status", "phase") is BackupPhase.Completed or BackupPhase.PartiallyFailed) return (JsonObject)stored["status"]!.DeepClone();
            var files = new BackupFiles(item.Name());
            await bucket.DeleteAsync(files.Metadata, cancellation);
            await bucket.DeleteAsync(files.Contents, cancellation);
        }
        catch (Exception e) when (BucketFailure.IsCauseOf(e))
        {
            // What is left says Finalizing, which nobody takes for a complete backup; it goes with the object.
            services.Log.FilesNotRemoved("backup", item.Name(), e.Message);
        }

        return null;
    }
}
