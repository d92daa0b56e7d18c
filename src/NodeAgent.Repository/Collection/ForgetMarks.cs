using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Collection;

/// <summary>Snapshots, and the marks that forget them, as collection sees them.</summary>
internal static class ForgetMarks
{
    public const string Prefix = "forget/";
    private const string SnapshotPrefix = "snap/";

    /// <summary>The marks of each snapshot that has any.</summary>
    public static async Task<Dictionary<SnapshotId, MarkedSnapshot>> ListAsync(ICollectedRepository repository, TimeSpan grace, CancellationToken cancellationToken)
    {
        var now = await repository.Store.GetTimeAsync(cancellationToken);
        var forgotten = new Dictionary<SnapshotId, MarkedSnapshot>();
        foreach (var (entry, id) in await ListMarksAsync(repository.Store, Prefix, cancellationToken))
        {
            // One that is damaged, or was put there by someone without the keys, forgets nothing and is never old enough.
            var mature = now - entry.LastModified >= grace && await repository.IsForgetMarkAsync(entry.Key, id, cancellationToken);
            var known = forgotten.GetValueOrDefault(id);
            forgotten[id] = new MarkedSnapshot(id, [.. known?.Marks ?? [], entry.Key], mature && known?.IsMature != false);
        }

        return forgotten;
    }

    public static async Task<List<(StoreEntry Entry, SnapshotId Id)>> ListMarksAsync(IObjectStore store, string prefix, CancellationToken cancellationToken)
    {
        var marks = new List<(StoreEntry, SnapshotId)>();
        await foreach (var entry in store.ListAsync(prefix, cancellationToken))
        {
            if (entry.Key.Split('/') is [_, var name, _] && SnapshotId.TryParse(name, out var id)) marks.Add((entry, id));
        }

        return marks;
    }

    public static async Task<Dictionary<string, SnapshotId>> ListSnapshotsAsync(IObjectStore store, CancellationToken cancellationToken)
    {
        var snapshots = new Dictionary<string, SnapshotId>();
        await foreach (var entry in store.ListAsync(SnapshotPrefix, cancellationToken))
        {
            var dash = entry.Key.LastIndexOf('-');
            if (dash > 0 && SnapshotId.TryParse(entry.Key[(dash + 1)..], out var id)) snapshots[entry.Key] = id;
        }

        return snapshots;
    }

    /// <summary>
    /// Takes a forgotten snapshot back, by removing its marks. Not possible any more when a collector has made one of them final.
    /// A session must have been announced, so that collectors wait for it.
    /// </summary>
    public static async Task<MarkRemoval> RemoveAsync(IObjectStore store, IProtocolRecords records, SnapshotId id, CollectionTimes times, OmittedSteps omitted, CancellationToken cancellationToken)
    {
        const int rounds = 12;
        var isInDoubt = false;
        for (var round = 1; ; round++)
        {
            await using var fence = await store.OpenFenceAsync(FenceMode.Shared, times.FenceLifetime, cancellationToken);
            try
            {
                var marks = await ListMarksAsync(store, $"{Prefix}{id}/", cancellationToken);
                if (!omitted.HasFlag(OmittedSteps.LookBeforeUnforget))
                {
                    var ledger = await Ledger.ReadAsync(store, records, null, cancellationToken);
                    ledger.RequireSound();
                    await SnapshotPublication.RequireOwnSessionAsync(store, records.Session, cancellationToken);
                    if (marks.Exists(m => ledger.DroppedAt(m.Entry.Key) is not null)) return new MarkRemoval(false, isInDoubt);
                }

                if (!(await ListSnapshotsAsync(store, cancellationToken)).ContainsValue(id)) return new MarkRemoval(false, isInDoubt);
                foreach (var (entry, _) in marks) await fence.DeleteAsync(entry.Key, cancellationToken);
                return new MarkRemoval(true, isInDoubt || fence.IsInDoubt);
            }
            catch (FenceExpiredException) when (round < rounds)
            {
                // It looked too long ago: again.
                isInDoubt |= fence.IsInDoubt;
            }
        }
    }
}
