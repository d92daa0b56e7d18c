using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Sync;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Backups;

/// <summary>
/// Backups without a phase that say of themselves that they were found in a bucket. Mostly that is so and their status is about to be written; but
/// whoever makes a new backup of the YAML of one that was found brings the annotation along.
/// </summary>
internal sealed class BackupStubs(ClusterClient cluster, StorageLocations locations, ControllerOptions options, ControllerServices services)
{
    /// <summary>Answers when the backup is worth another look; null when a change to it brings that.</summary>
    public async Task<TimeSpan?> ReconcileAsync(JsonObject item, CancellationToken cancellation)
    {
        var isCopy = item.Annotation(BackupSync.SourceName) is { } source && source != item.Name();
        if (!isCopy)
        {
            var name = item.Text("spec", "storageLocation") ?? item.Annotation(BackupSync.SyncedFrom);
            var location = await locations.FindAsync(name, cancellation);
            var (opened, _) = await locations.OpenAsync(location, name, forWriting: false, cancellation);
            await using var bucket = opened;
            if (location is not null && bucket is null) return options.ResyncPeriod;
            try
            {
                // The next synchronisation writes its status.
                if (bucket is not null && await bucket.ExistsAsync(new BackupFiles(item.Name()).Metadata, cancellation)) return options.ResyncPeriod;
            }
            catch (Exception e) when (BucketFailure.IsCauseOf(e))
            {
                services.Log.Waiting("backup", item.Name(), e.Message);
                return options.ResyncPeriod;
            }

            if (item.Annotation(BackupSync.SourceName) is not null)
            {
                // It was found, and its files have gone before its status was written.
                await cluster.DeleteAsync(VeleroResources.Backups, options.Namespace, item.Name(), cancellation);
                return null;
            }
        }

        await cluster.PatchAsync(VeleroResources.Backups, options.Namespace, item.Name(), new JsonObject
        {
            ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [BackupSync.SyncedFrom] = null, [BackupSync.SourceUid] = null, [BackupSync.SourceName] = null } },
        }, null, cancellation);
        return null;
    }
}
