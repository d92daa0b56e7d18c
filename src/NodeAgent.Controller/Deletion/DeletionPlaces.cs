using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Sync;
using NodeAgent.Controller.Work;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Deletion;

/// <summary>
/// The locations that hold a backup, that of its spec last: what it tells is needed to begin again. A backup of the same name that is another
/// one is left alone: in another cluster a location of the same name may be another place, and a bucket may have several clusters.
/// </summary>
internal sealed class DeletionPlaces(StorageLocations locations) : IAsyncDisposable
{
    private readonly List<DeletionPlace> _places = [];
    private readonly List<string> _notes = [];

    public IReadOnlyList<DeletionPlace> Places => _places;

    /// <summary>What is not deleted, a sentence each.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>Finds them. Answers why one cannot be reached, in a sentence; null when all can.</summary>
    public async Task<string?> FindAsync(JsonObject backup, CancellationToken cancellation)
    {
        var isSynced = backup.Annotation(BackupSync.SyncedFrom) is not null;
        var own = backup.Text("spec", "storageLocation");
        IReadOnlyList<string?> names = BackupLocations.NamesOf(backup);
        if (names.Count == 0) names = [null];
        string? missing = null;
        foreach (var name in names.OrderBy(n => n == own))
        {
            if (await locations.FindAsync(name, cancellation) is not { } location)
            {
                missing = StorageLocations.ProblemOf(null, name, forWriting: true);
                // A backup that came from a bucket may name what this cluster never had.
                if (!isSynced || name == own) _notes.Add($"{missing}: what it holds of the backup stays");
                continue;
            }

            var (bucket, problem) = await locations.OpenAsync(location, name, forWriting: true, cancellation);
            if (bucket is null) return name == own ? problem : $"{problem}; the backup is there too, by its annotation {BackupLocations.Annotation}";
            var place = new BackupPlace(location, bucket);
            _places.Add(new DeletionPlace(place, IsOwn: false));
            if (name == own && await locations.EmptinessOfAsync(location, bucket, cancellation) is { } emptiness) return emptiness;
            try
            {
                var owner = await BackupFolders.OwnerAsync(bucket, backup, cancellation);
                if (owner == FolderOwner.Other) _notes.Add($"what is named {backup.Name()} in backup storage location \"{place.Name}\" is another backup and stays");
                // Without anything that says whose it is, it may be the log of this cluster's failed backup, and of another's nothing that concerns it.
                _places[^1] = new DeletionPlace(place, owner == FolderOwner.Own || (owner == FolderOwner.Nobody && (!isSynced || name == own)));
            }
            catch (Exception e) when (BucketFailure.IsCauseOf(e))
            {
                return $"backup storage location \"{name}\": {e.Message}";
            }
        }

        return _places.Count == 0 ? missing : null;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var place in _places) await place.Place.Bucket.DisposeAsync();
    }
}
