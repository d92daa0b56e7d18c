using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Sync;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Storage;

/// <summary>
/// Sees to it that a backup writes to and deletes from its own folder only. Names are unique in a cluster, a bucket may have several: clusters with
/// the same schedule make backups of the same name. Who the folder is of tells the file that makes it a backup, by the UID in it, and before
/// there is one a claim. Neither Velero nor older versions claim; their folders are known by that file alone.
/// </summary>
internal sealed class BackupFolders(ClusterClient cluster, ControllerOptions options, TimeProvider time)
{
    private const int MaxAttempts = 5;

    private string? _installation;

    /// <summary>Whose the folder of the backup's name is, without changing anything.</summary>
    public static async Task<FolderOwner> OwnerAsync(IBucket bucket, JsonObject backup, CancellationToken cancellation)
    {
        // The claim first: it goes after the metadata file has come.
        var claim = await FolderClaim.ReadAsync(bucket, backup.Name(), cancellation);
        if (await BackupMetadata.ReadAsync(bucket, backup.Name(), cancellation) is { } stored) return IsOf(backup, stored) ? FolderOwner.Own : FolderOwner.Other;
        if (claim is null) return FolderOwner.Nobody;
        return IsUidOf(backup, claim.Uid) ? FolderOwner.Own : FolderOwner.Other;
    }

    /// <summary>Whether a stored metadata file is of this Backup object, which is the one that was backed up or was made of that file by a synchronisation.</summary>
    public static bool IsOf(JsonObject backup, JsonObject stored)
    {
        if (IsUidOf(backup, stored.Uid())) return true;
        // A synchronisation of Velero's, or of an older version, did not note the UID. The times of a run are then what tells.
        return backup.Annotation(BackupSync.SourceUid) is null
            && backup.Text("status", "startTimestamp") is { } started && started == stored.Text("status", "startTimestamp")
            && backup.Text("status", "completionTimestamp") is { } ended && ended == stored.Text("status", "completionTimestamp");
    }

    /// <summary>
    /// Makes the folder the backup's own for as long as it is made, or finds that it is so still. A claim that a controller which died has left is
    /// taken over by the same backup, and by another of this installation once that backup is gone.
    /// </summary>
    /// <returns>Why the backup cannot be made there, in a sentence; null when it can.</returns>
    public async Task<string?> TakeAsync(IBucket bucket, string location, JsonObject backup, CancellationToken cancellation)
    {
        var name = backup.Name();
        var files = new BackupFiles(name);
        for (var attempt = 1; ; attempt++)
        {
            var claim = await FolderClaim.ReadAsync(bucket, name, cancellation);
            if (await BackupMetadata.ReadAsync(bucket, name, cancellation) is { } stored && stored.Uid() != backup.Uid())
                return $"location \"{location}\" already has a backup named \"{name}\"; choose another name or delete that one first";
            if (claim?.Uid == backup.Uid()) return null;
            if (claim is null)
            {
                if (await bucket.TryCreateAsync(files.Claim, FolderClaim.Of(backup, await InstallationAsync(cancellation), time.GetUtcNow()).Encode(), cancellation)) return null;
            }
            else if (attempt < MaxAttempts && await IsAbandonedAsync(claim, cancellation))
            {
                // Nobody but this installation would, so that it cannot be another's by now.
                await bucket.DeleteAsync(files.Claim, cancellation);
            }
            else
            {
                return $"location \"{location}\": another backup named \"{name}\" is being made there since {(claim.Since.Length == 0 ? "an unknown time" : claim.Since)}, by another cluster; choose another name, or, if that cluster is gone, delete the file {files.Claim}";
            }

            if (attempt >= MaxAttempts) return $"location \"{location}\": the file {files.Claim} comes and goes; another cluster makes a backup named \"{name}\"";
        }
    }

    /// <summary>As <see cref="TakeAsync"/>, before something is written that would harm another's backup.</summary>
    /// <exception cref="LocationException">The folder is another backup's by now.</exception>
    public async Task RequireAsync(IBucket bucket, string location, JsonObject backup, CancellationToken cancellation)
    {
        if (await TakeAsync(bucket, location, backup, cancellation) is { } problem) throw new LocationException(problem);
    }

    /// <summary>Takes the backup's claim away: it is stored, or is not being made any more.</summary>
    public static async Task ReleaseAsync(IBucket bucket, JsonObject backup, CancellationToken cancellation)
    {
        if ((await FolderClaim.ReadAsync(bucket, backup.Name(), cancellation))?.Uid == backup.Uid()) await bucket.DeleteAsync(new BackupFiles(backup.Name()).Claim, cancellation);
    }

    private static bool IsUidOf(JsonObject backup, string uid) => uid.Length > 0 && (uid == backup.Uid() || uid == backup.Annotation(BackupSync.SourceUid));

    private async Task<bool> IsAbandonedAsync(FolderClaim claim, CancellationToken cancellation)
    {
        if (claim.Installation.Length == 0 || claim.Installation != await InstallationAsync(cancellation)) return false;
        await foreach (var backup in cluster.ListAsync(VeleroResources.Backups, options.Namespace, null, cancellation))
        {
            if (backup.Uid() == claim.Uid) return false;
        }

        return true;
    }

    private async Task<string> InstallationAsync(CancellationToken cancellation) =>
        _installation ??= (await cluster.GetAsync(KubernetesResources.Namespaces, null, options.Namespace, cancellation))?.Uid() ?? "";
}
