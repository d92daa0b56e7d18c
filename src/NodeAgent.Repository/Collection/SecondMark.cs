using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>Marks again, what came to be used since the first mark.</summary>
internal sealed class SecondMark(CollectionScope scope, CollectionMark mark, SegmentCatalog segments, DroppedSnapshots dropped)
{
    /// <summary>
    /// Marks again, and takes back what is needed. This is where it is decided what is deleted; that no visible snapshot loses a chunk follows so:
    /// <para>
    /// A pack P is deleted under record e of this session, written at t(e). Suppose a snapshot S uses chunk c, P holds c, and S was published at t(S) by a
    /// session W that took its fence, then looked at t(L).
    /// </para>
    /// <para>
    /// Case 1, W looked after e was written. (a) W had read e when it read its index: P did not count, so c was stored elsewhere, or found elsewhere. (b) Otherwise the
    /// look shows e: e was not removed, since W's announcement, which the look finds afterwards, is older than the end of e, and records go only when no session is left
    /// that is older (<see cref="LedgerTidying"/>). Then S's chunks were gone through and c was stored elsewhere before S was published, at a location that no record known
    /// at that look condemns. For the record that condemns that location later the same argument holds.
    /// </para>
    /// <para>
    /// Case 2, W looked before e was written. With exclusive fences e was written under one, so W's shared fence was given back, and S is there. Otherwise S is there at the latest
    /// at t(L) + reach &lt; t(e) + reach: the wait lasts as long, unless W was seen to have ended (then S was there before), or W is not among the sessions that were
    /// listed after t(e). It is missing there only if it was ended and tidied, or if it was revoked longer ago than its reach; so S is there too. A pack that stood
    /// condemned without a break by another record from t(f) on, seen standing after t(e), was condemned for every look since t(f): what holds for t(e) holds for t(f).
    /// The second mark lists snapshots after that, so it finds S, and takes P back unless c has another location that is there, named, and condemned by nobody. If
    /// several packs would do, those that the index names come first: one that it does not name is of no use to S when it is taken back.
    /// </para>
    /// <para>
    /// Case 3, that other location Q is condemned later by another collector D with record d. If e stands when D reads the ledger for its second mark, P does not count for D,
    /// and D takes Q back. If e was removed before, P was deleted before, and D lists packs after the ledger: P does not count. If e was written after D read the
    /// ledger, d was written before e, and is in the ledger that is read here after e; so either Q does not count here, or D took it back, or d is removed
    /// and Q deleted, and the packs listed here after the ledger lack it.
    /// </para>
    /// <para>
    /// Case 4, S was forgotten at the mark and is taken back. Whoever does so looks first, through a fence and with a session that stands, that no record has made the marks final. The record was
    /// written before e, and here S counts as gone only when the reach of every session has passed since, so a removal of marks that was decided on before is seen.
    /// </para>
    /// <para>
    /// Case 5, this process is held up between here and its deletes. It asks, under a fence, whether its session was revoked. If not, e is still there and everything above
    /// holds at the time of the delete. If it was, nothing is deleted; and a delete that was sent before it was revoked arrives within the reach, during which e stays.
    /// </para>
    /// </summary>
    /// <param name="condemned">What this collection has condemned.</param>
    /// <param name="ready">The records for which the wait is over.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<SecondMarkResult> ExecuteAsync(Condemnation condemned, HashSet<int> ready, CancellationToken cancellationToken)
    {
        scope.Report(new CollectionProgress(CollectionStage.Remark, 0, 0));
        var ledger = await scope.ReadLedgerAsync(null, cancellationToken);
        ledger.RequireSound();
        var mine = ledger.Entries.Where(e => e.Session == scope.Repository.Session).ToList();
        var due = mine.Where(e => ready.Contains(e.Number)).ToList();
        var left = mine.Except(due).Sum(e => e.Packs.Count);
        // Those that are left to a later run count as condemned, and are neither taken back nor deleted.
        var own = due.SelectMany(e => e.Packs).ToHashSet();
        if (scope.Omits(OmittedSteps.Remark)) return new SecondMarkResult(await dropped.FindAsync(condemned, ledger, cancellationToken), due, own, [], 0, left);

        var there = scope.Omits(OmittedSteps.ListPacksAgain) ? mark.Packs.Values.ToDictionary(p => p.Id, p => p.Size) : await mark.ListPacksAsync(cancellationToken);
        var gone = await dropped.FindAsync(condemned, ledger, cancellationToken);
        var kept = (await ForgetMarks.ListSnapshotsAsync(scope.Store, cancellationToken)).Where(s => !gone.Contains(s.Value)).ToDictionary();
        await mark.WalkNewAsync(kept, cancellationToken);
        await segments.RefreshAsync(null, null, cancellationToken);

        var others = scope.Omits(OmittedSteps.OthersCondemns) ? [] : ledger.Entries.Except(mine).ToList();
        var condemnedPacks = scope.Omits(OmittedSteps.OthersCondemns) ? [.. mine.SelectMany(e => e.Packs)] : ledger.CondemnedPacks();
        var missing = new HashSet<PackId>();
        var needed = await mark.FindNeededAsync(own, async pack => await IsThereAsync(pack) && !condemnedPacks.Contains(pack), pack => others.Exists(e => e.Condemns(pack)), cancellationToken);
        foreach (var entry in due)
        {
            var back = entry.Packs.Where(needed.Contains).Order(PackOrder.Instance).ToList();
            if (back.Count > 0) await scope.WriteAsync(new CollectionRecord(CollectionRecordKind.Absolve, entry.Number, back, []), cancellationToken);
        }

        if (scope.Omits(OmittedSteps.OwnAbsolvesOnly)) await TakeBackAsync(ledger.Entries.Except(mine), cancellationToken);
        own.ExceptWith(needed);
        return new SecondMarkResult(gone, due, own, missing, needed.Count, left);

        async Task<bool> IsThereAsync(PackId pack)
        {
            if (there.ContainsKey(pack)) return true;
            if (missing.Contains(pack)) return false;
            // Written since the list, or gone.
            if (!scope.Omits(OmittedSteps.ListPacksAgain) && await scope.Store.StatAsync(pack.Key, cancellationToken) is null)
            {
                missing.Add(pack);
                return false;
            }

            there.Add(pack, 0);
            return true;
        }
    }

    /// <summary>What nobody may do, see <see cref="OmittedSteps.OwnAbsolvesOnly"/>.</summary>
    private async Task TakeBackAsync(IEnumerable<LedgerEntry> entries, CancellationToken cancellationToken)
    {
        foreach (var entry in entries)
        {
            var key = CollectionRecord.KeyOf(entry.Session, CollectionRecordKind.Absolve, entry.Number);
            await scope.Store.PutAsync(key, scope.Repository.Seal(new CollectionRecord(CollectionRecordKind.Absolve, entry.Number, [.. entry.Packs], [])), cancellationToken);
        }
    }
}
