using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Collection;

/// <summary>Writes down that snapshots are gone for good, and that packs go.</summary>
internal sealed class PackCondemning(CollectionScope scope, CollectionMark mark)
{
    /// <summary>Writes the records. What stands condemned by others already has a record of its own: it may have waited long enough.</summary>
    /// <param name="gone">The snapshots that were not counted.</param>
    /// <param name="ledger">Read before the mark.</param>
    /// <param name="began">When this collection's session did.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<Condemnation> ExecuteAsync(Dictionary<SnapshotId, MarkedSnapshot> gone, Ledger ledger, DateTimeOffset began, CancellationToken cancellationToken)
    {
        var doomed = mark.Packs.Values.Where(p => p.Fate is PackFate.Remove or PackFate.Repack).Select(p => p.Id).Order(PackOrder.Instance).ToList();
        var marks = gone.Values.SelectMany(f => f.Marks).Where(m => ledger.DroppedAt(m) is null).Order(StringComparer.Ordinal).ToList();
        if (doomed.Count == 0 && gone.Count == 0) return new Condemnation([], Ledger.Empty, gone);
        var number = 0;
        // Where there are exclusive fences, everything that was decided on before is there when this one is had.
        var exclusive = scope.Store.HasExclusiveFences && !scope.Omits(OmittedSteps.ExclusiveCondemn);
        await using var fence = exclusive ? await scope.Store.OpenFenceAsync(FenceMode.Exclusive, scope.Times.FenceLifetime, cancellationToken) : null;
        // First that the snapshots are gone for good, then the packs that follow from it.
        if (!scope.Omits(OmittedSteps.DropRecord))
        {
            foreach (var part in marks.Chunk(CollectionRecord.MaxPacks)) await scope.WriteAsync(new CollectionRecord(CollectionRecordKind.Drop, number++, [], part), cancellationToken);
        }

        var own = new List<int>();
        // A record is as young as the youngest that it names: what has waited long enough must not stand with what has not, or where
        // collections come often and there is always something new, none would ever find anything to delete.
        foreach (var group in doomed.GroupBy(pack => AgeOf(ledger.CondemnedSince(pack), began)))
        {
            foreach (var part in group.Chunk(CollectionRecord.MaxPacks))
            {
                own.Add(number);
                await scope.WriteAsync(new CollectionRecord(CollectionRecordKind.Condemn, number++, part, []), cancellationToken);
            }
        }

        return new Condemnation(own, exclusive ? await scope.ReadLedgerAsync(ledger, cancellationToken) : ledger, gone);
    }

    /// <summary>How far a pack is on its way: not condemned, condemned, longer than fences of the usual lifetime reach, longer than any fence does.</summary>
    private int AgeOf(DateTimeOffset? since, DateTimeOffset now)
    {
        if (since is not { } condemned) return 0;
        return condemned + scope.Times.ReachOf(scope.Times.FenceLifetime) > now ? 1 : condemned + scope.Times.Reach > now ? 2 : 3;
    }
}
