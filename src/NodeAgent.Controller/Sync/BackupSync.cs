using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Selection;
using NodeAgent.Controller.Storage;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Sync;

/// <summary>
/// Adds ended backups that are found in a location to the cluster, whoever wrote them, and drops Backup objects whose files
/// are gone. A new cluster thus finds all backups of the old one.
/// </summary>
internal sealed class BackupSync(ClusterClient cluster, ControllerOptions options, TimeProvider time, ILogger log)
{
    /// <summary>Annotation on backups that were found in a location: without it a status that is not written yet would look like a new backup.</summary>
    public const string SyncedFrom = "nodeagent.io/synced-from";

    /// <summary>Annotation on such backups: the UID that the Backup object had in the cluster that made it.</summary>
    public const string SourceUid = "nodeagent.io/source-uid";

    /// <summary>Annotation on such backups: their name, which tells a copy under another one from what was found.</summary>
    public const string SourceName = "nodeagent.io/source-name";

    private const int ParallelLooks = 16;

    private static readonly TimeSpan TrustedFor = TimeSpan.FromHours(1);
    private static readonly TimeSpan RefusedFor = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<(string Location, string Backup), DateTimeOffset> _seen = new();

    // Backups that the server did not take, and when. Touched by one call of the reconciler at a time.
    private readonly Dictionary<(string Location, string Backup), DateTimeOffset> _refused = [];

    /// <summary>Synchronises when it is due. Answers when it will be again; null when the location does not want it.</summary>
    public async Task<TimeSpan?> ReconcileAsync(BackupStorageLocation location, IBucket bucket, CancellationToken cancellation)
    {
        if (options.Disables(ControllerNames.BackupSync)) return null;
        var period = location.Spec.BackupSyncPeriod is { } own && own >= TimeSpan.Zero ? own : options.BackupSyncPeriod;
        if (period == TimeSpan.Zero) return null;
        var now = time.GetUtcNow();
        if (location.Status?.LastSyncedTime is { } last && now - last < period) return period - (now - last);
        await SyncAsync(location, bucket, cancellation);
        await cluster.PatchStatusAsync(
            VeleroResources.BackupStorageLocations, options.Namespace, location.Metadata.Name!, new JsonObject { ["lastSyncedTime"] = ApiTimeConverter.Format(now) }, cancellation);
        return period;
    }

    private async Task SyncAsync(BackupStorageLocation location, IBucket bucket, CancellationToken cancellation)
    {
        var stored = await ListStoredAsync(location, bucket, cancellation);
        var known = new Dictionary<string, JsonObject>(StringComparer.Ordinal);
        await foreach (var backup in cluster.ListAsync(VeleroResources.Backups, options.Namespace, null, cancellation)) known[backup.Name()] = backup;
        foreach (var half in known.Values.Where(b => b.Annotation(SyncedFrom) is not null && string.IsNullOrEmpty(b.Text("status", "phase")) && stored.Contains(b.Name())))
        {
            // A controller that died between the object and its status leaves this.
            if (await BackupMetadata.ReadAsync(bucket, half.Name(), cancellation) is { } backup && await StatusOfAsync(backup, bucket, cancellation) is { } status)
            {
                await TryAsync(half.Name(), location, bucket, () => WriteStatusAsync(half.Name(), status, cancellation));
            }
        }

        var now = time.GetUtcNow();
        foreach (var name in stored.Except(known.Keys).Order(StringComparer.Ordinal))
        {
            if (_refused.TryGetValue((bucket.Location, name), out var at) && now - at < RefusedFor) continue;
            await TryAsync(name, location, bucket, () => AddAsync(name, location, bucket, cancellation));
        }

        if (options.RestoreOnly) return;
        foreach (var backup in known.Values.Where(b => b.Text("spec", "storageLocation") == location.Metadata.Name && !stored.Contains(b.Name())))
        {
            // Looked up once more: a backup may have been written after the folder was read. And a location that was just
            // unmounted has lost no backup.
            var ended = backup.Text("status", "phase") is BackupPhase.Completed or BackupPhase.PartiallyFailed;
            if (ended && !await bucket.ExistsAsync(new BackupFiles(backup.Name()).Metadata, cancellation) && !await bucket.HoldsNothingAsync(cancellation))
            {
                await cluster.DeleteAsync(VeleroResources.Backups, options.Namespace, backup.Name(), cancellation);
            }
        }
    }

    /// <summary>A folder with a metadata file is a backup. Where a look costs money, one that was seen is looked at once an hour.</summary>
    private async Task<HashSet<string>> ListStoredAsync(BackupStorageLocation location, IBucket bucket, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        var trusted = LocationProviders.IsRemote(location.Spec.Provider) ? TrustedFor : TimeSpan.Zero;
        var stored = new ConcurrentDictionary<string, byte>(StringComparer.Ordinal);
        var folders = (await bucket.ListFoldersAsync(BackupFiles.Folder, cancellation)).Where(ObjectName.IsValid);
        await Parallel.ForEachAsync(folders, new ParallelOptions { MaxDegreeOfParallelism = ParallelLooks, CancellationToken = cancellation }, async (name, token) =>
        {
            var place = (bucket.Location, name);
            if (_seen.TryGetValue(place, out var at) && now - at < trusted) stored[name] = 0;
            else if (await bucket.ExistsAsync(new BackupFiles(name).Metadata, token)) (stored[name], _seen[place]) = (0, now);
            else _seen.TryRemove(place, out _);
        });
        return [.. stored.Keys];
    }

    private async Task AddAsync(string name, BackupStorageLocation location, IBucket bucket, CancellationToken cancellation)
    {
        if (await BackupMetadata.ReadAsync(bucket, name, cancellation) is not { } backup || backup.Name() != name) return;
        if (await StatusOfAsync(backup, bucket, cancellation) is not { } status) return;
        var owners = await OwnersAsync(backup, cancellation);
        var uid = backup.Uid();
        Restores.RestoredObject.Reset(backup);
        var metadata = backup.Child("metadata");
        if (owners.Count > 0) metadata["ownerReferences"] = owners;
        metadata.Remove("finalizers");
        metadata["namespace"] = options.Namespace;
        metadata.Child("labels")[VeleroLabels.StorageLocation] = VeleroLabels.ToLabelValue(location.Metadata.Name!);
        backup.Child("spec")["storageLocation"] = location.Metadata.Name;
        metadata.Child("annotations")[SyncedFrom] = location.Metadata.Name;
        metadata.Child("annotations")[SourceUid] = uid;
        metadata.Child("annotations")[SourceName] = name;
        // Hooks concern the cluster that the backup was made in.
        backup.Child("spec").Remove("hooks");
        // With Velero's definitions the status is written here, with ours by the patch below.
        backup["status"] = status.DeepClone();
        backup["apiVersion"] = VeleroResources.ApiVersion;
        backup["kind"] = Backup.KindName;
        try
        {
            await cluster.CreateAsync(VeleroResources.Backups, options.Namespace, backup, cancellation);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            // Another was quicker.
            return;
        }

        await WriteStatusAsync(name, status, cancellation);
    }

    /// <summary>
    /// The status that a stored backup has in the cluster; null when it is none yet. One that nobody works on and that was to be gone by now is added as
    /// well, so that its files and snapshots go: it was left by a deletion or by a cluster that came to an end in the middle.
    /// </summary>
    private async Task<JsonObject?> StatusOfAsync(JsonObject stored, IBucket bucket, CancellationToken cancellation)
    {
        if (stored["status"]?.DeepClone() is not JsonObject status) return null;
        switch (status.Text("phase"))
        {
            case BackupPhase.Completed or BackupPhase.PartiallyFailed or BackupPhase.Failed:
                return status;
            case BackupPhase.Finalizing or BackupPhase.FinalizingPartiallyFailed or BackupPhase.WaitingForPluginOperations or BackupPhase.WaitingForPluginOperationsPartiallyFailed
                when !options.RestoreOnly
                && DateTimeOffset.TryParse(status.Text("expiration"), CultureInfo.InvariantCulture, out var expiration) && expiration < time.GetUtcNow()
                && await FolderClaim.ReadAsync(bucket, stored.Name(), cancellation) is null:
                status["phase"] = BackupPhase.PartiallyFailed;
                return status;
            default:
                return null;
        }
    }

    /// <summary>The schedule that made it, where it is in this cluster: it then still goes with it. The owners of another cluster are nothing here.</summary>
    private async Task<JsonArray> OwnersAsync(JsonObject backup, CancellationToken cancellation)
    {
        var owners = new JsonArray();
        foreach (var owner in backup.Objects("metadata", "ownerReferences").Where(o => o.Text("kind") == Schedule.KindName))
        {
            if (owner.Text("uid") is { } uid && (await cluster.GetAsync(VeleroResources.Schedules, options.Namespace, owner.Text("name") ?? "", cancellation))?.Uid() == uid) owners.Add(owner.DeepClone());
        }

        return owners;
    }

    /// <summary>Writes what a backup that was found has as its status. One whose status is refused does not stay as one without, which nobody would ever end.</summary>
    private async Task WriteStatusAsync(string name, JsonObject status, CancellationToken cancellation)
    {
        try
        {
            await cluster.PatchStatusAsync(VeleroResources.Backups, options.Namespace, name, status, cancellation);
        }
        catch (ApiException e) when (IsRefusal(e))
        {
            await cluster.DeleteAsync(VeleroResources.Backups, options.Namespace, name, cancellation);
            throw;
        }
    }

    /// <summary>A file that holds what the schema refuses, as one that is foreign or was edited, keeps no other backup out.</summary>
    private async Task TryAsync(string name, BackupStorageLocation location, IBucket bucket, Func<Task> action)
    {
        try
        {
            await action();
            _refused.Remove((bucket.Location, name));
        }
        catch (ApiException e) when (IsRefusal(e))
        {
            _refused[(bucket.Location, name)] = time.GetUtcNow();
            log.BackupNotSynchronised(name, location.Metadata.Name!, e.Message);
        }
    }

    private static bool IsRefusal(ApiException e) => e.StatusCode is HttpStatusCode.UnprocessableEntity or HttpStatusCode.BadRequest or HttpStatusCode.RequestEntityTooLarge;
}
