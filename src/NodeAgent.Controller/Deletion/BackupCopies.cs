using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Sync;
using NodeAgent.Controller.Work;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Deletion;

/// <summary>
/// The locations beside that of its spec that hold a backup which went to several at once. A backup of the same name that is another one
/// is none of them: in another cluster, a location of the same name may be another place.
/// </summary>
internal sealed class BackupCopies(StorageLocations locations) : IAsyncDisposable
{
    private readonly List<BackupPlace> _places = [];

    public IReadOnlyList<BackupPlace> Places => _places;

    /// <summary>Finds them. Answers why one cannot be reached, in a sentence; null when all can.</summary>
    public async Task<string?> FindAsync(JsonObject backup, IBucket own, CancellationToken cancellation)
    {
        var isSynced = backup.Annotation(BackupSync.SyncedFrom) is not null;
        foreach (var name in BackupLocations.NamesOf(backup).Where(n => n != backup.Text("spec", "storageLocation")))
        {
            var location = await locations.FindAsync(name, cancellation);
            // A backup that came from a bucket may name what this cluster never had.
            if (location is null && isSynced) continue;
            var (bucket, problem) = await locations.OpenAsync(location, name, forWriting: true, cancellation);
            if (bucket is null) return $"{problem}; the backup is there too, by its annotation {BackupLocations.Annotation}";
            var place = new BackupPlace(location!, bucket);
            try
            {
                var uid = isSynced ? (await BackupMetadata.ReadAsync(own, backup.Name(), cancellation))?.Uid() : backup.Uid();
                var stored = (await BackupMetadata.ReadAsync(bucket, backup.Name(), cancellation))?.Uid();
                // Without a metadata file there may be a log of this cluster's failed backup, and of another's nothing that concerns it.
                if (stored is null ? !isSynced : stored == uid)
                {
                    _places.Add(place);
                    continue;
                }
            }
            catch (Exception e) when (BucketFailure.IsCauseOf(e))
            {
                await bucket.DisposeAsync();
                return $"backup storage location \"{name}\": {e.Message}";
            }

            await bucket.DisposeAsync();
        }

        return null;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var place in _places) await place.Bucket.DisposeAsync();
    }
}
