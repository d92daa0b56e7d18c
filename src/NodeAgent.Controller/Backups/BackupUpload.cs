using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Snapshots;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Backups;

/// <summary>
/// Writes a backup's files into each of its locations: first all but the log, then, when it is known how the backup ended, log, results
/// and the metadata file that says so. A location of several that fails is left out, and the others are complete by themselves.
/// </summary>
internal sealed class BackupUpload(PreparedBackup backup, BackupFolders folders, RunLog log, Func<CancellationToken, Task<JsonObject>> readObject, ControllerServices services)
{
    private static readonly TimeSpan CleanupLimit = TimeSpan.FromSeconds(5);

    private readonly List<BackupPlace> _places = [.. backup.Places];

    /// <summary>The locations that have all that was written so far.</summary>
    public IReadOnlyList<BackupPlace> Places => _places;

    /// <summary>Length of the archive in bytes.</summary>
    public long ArchiveBytes { get; private set; }

    /// <summary>Writes what does not depend on how the backup ends. The metadata file says that it has not ended yet.</summary>
    public async Task WriteContentsAsync(BackupArchiveWriter archive, PodVolumeBackups volumes, BackupSnapshots snapshots, CancellationToken cancellation)
    {
        var files = backup.Files;
        var current = await readObject(cancellation);
        var snapshotInfo = snapshots.ToVolumeInfo().ToList();
        await EachAsync(async place =>
        {
            await folders.RequireAsync(place.Bucket, place.Name, backup.Object, cancellation);
            await place.Bucket.PutAsync(files.Metadata, Metadata(current, place, null), cancellation);
            var contents = await archive.FinishAsync();
            ArchiveBytes = contents.Length;
            await place.Bucket.PutAsync(files.Contents, contents, cancellation);
            await place.Bucket.PutAsync(files.PodVolumeBackups, GzipJson.Encode(volumes.ToFile(place.Name)), cancellation);
            foreach (var (key, content) in snapshots.ToFiles(files)) await place.Bucket.PutAsync(key, GzipJson.Encode(content), cancellation);
            await place.Bucket.PutAsync(files.ItemOperations, GzipJson.Encode(null), cancellation);
            await place.Bucket.PutAsync(files.ResourceList, GzipJson.Encode(archive.ResourceList()), cancellation);
            await place.Bucket.PutAsync(files.VolumeInfo, GzipJson.Encode(volumes.ToVolumeInfo(place.Name, snapshotInfo.Select(i => (JsonObject)i.DeepClone()))), cancellation);
        });
    }

    /// <summary>Writes how the backup ended, and answers it: a location that fails even now makes another end of it.</summary>
    public async Task<JsonObject> WriteEndAsync(Func<JsonObject> end, CancellationToken cancellation)
    {
        while (true)
        {
            var before = _places.Count;
            var status = end();
            var results = GzipJson.Encode(log.Results());
            var current = await readObject(cancellation);
            await EachAsync(async place =>
            {
                await folders.RequireAsync(place.Bucket, place.Name, backup.Object, cancellation);
                await place.Bucket.PutAsync(backup.Files.Log, log.Finish(), cancellation);
                await place.Bucket.PutAsync(backup.Files.Results, results, cancellation);
                // Last, so that the bucket never calls a backup complete whose files are not.
                await place.Bucket.PutAsync(backup.Files.Metadata, Metadata(current, place, status), cancellation);
            });
            if (_places.Count == before) return status;
        }
    }

    /// <summary>Without the metadata file there is no backup; the contents alone would only take room.</summary>
    public async Task TryRemoveAsync()
    {
        foreach (var place in backup.Places) await TryRemoveAsync(place);
    }

    /// <summary>The log of a backup that failed tells why, also to those who did not see the object.</summary>
    public async Task TryKeepLogAsync()
    {
        var results = GzipJson.Encode(log.Results());
        foreach (var place in backup.Places)
        {
            await TryAsync(place, async token =>
            {
                await place.Bucket.PutAsync(backup.Files.Log, log.Finish(), token);
                await place.Bucket.PutAsync(backup.Files.Results, results, token);
            });
        }
    }

    /// <summary>Leaves nothing of the backup in any location.</summary>
    public async Task TryRemoveAllAsync()
    {
        foreach (var place in backup.Places) await TryAsync(place, token => place.Bucket.DeleteFolderAsync(backup.Files.Directory, token));
    }

    /// <summary>Nobody works on the backup any more, so that nobody need be kept from its folder.</summary>
    public async Task TryReleaseAsync()
    {
        foreach (var place in backup.Places) await TryAsync(place, token => BackupFolders.ReleaseAsync(place.Bucket, backup.Object, token));
    }

    private static byte[] Metadata(JsonObject current, BackupPlace place, JsonObject? finalStatus)
    {
        var copy = (JsonObject)current.DeepClone();
        copy.Child("metadata").Remove("managedFields");
        // In each location the backup is one of that location.
        copy.Child("metadata").Child("labels")[VeleroLabels.StorageLocation] = VeleroLabels.ToLabelValue(place.Name);
        copy.Child("spec")["storageLocation"] = place.Name;
        foreach (var (name, value) in finalStatus ?? []) copy.Child("status")[name] = value?.DeepClone();
        return Encoding.UTF8.GetBytes(copy.ToJsonString());
    }

    private async Task EachAsync(Func<BackupPlace, Task> write)
    {
        foreach (var place in _places.ToList())
        {
            try
            {
                await write(place);
            }
            catch (Exception e) when (BucketFailure.IsCauseOf(e) && _places.Count > 1)
            {
                _places.Remove(place);
                await TryRemoveAsync(place);
                log.Error(null, $"backup storage location \"{place.Name}\": the backup is not in it: {e.Message}");
            }
        }
    }

    private Task TryRemoveAsync(BackupPlace place) => TryAsync(place, async token =>
    {
        await place.Bucket.DeleteAsync(backup.Files.Metadata, token);
        await place.Bucket.DeleteAsync(backup.Files.Contents, token);
    });

    /// <summary>
    /// Does what a run that failed leaves to do, which must neither hide why it failed nor hold up a stop. Nothing is done where the folder is
    /// another backup's.
    /// </summary>
    private async Task TryAsync(BackupPlace place, Func<CancellationToken, Task> action)
    {
        using var limit = new CancellationTokenSource(CleanupLimit, services.Time);
        try
        {
            if (await BackupFolders.OwnerAsync(place.Bucket, backup.Object, limit.Token) != FolderOwner.Other) await action(limit.Token);
        }
        catch (Exception e) when (BucketFailure.IsCauseOf(e) || e is OperationCanceledException)
        {
            // What is left says Finalizing and is taken for no backup; why the run failed is what counts.
            services.Log.FilesNotRemoved("backup", backup.Name, e.Message);
        }
    }
}
