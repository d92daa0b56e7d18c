using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Collection;

/// <summary>
/// Removes what no snapshot uses, beside any number of writers and other collectors:
/// 1. its session begins;
/// 2. what others left behind is tidied;
/// 3. the mark: which chunks do snapshots use, which packs hold them;
/// 4. the plan: which packs go;
/// 5. what is used in them is copied to packs of its own, and these are indexed;
/// 6. the packs are condemned: from now on nothing new relies on them;
/// 7. it waits until everything is there that was decided on before that;
/// 8. the second mark: packs that a snapshot needs after all are taken back;
/// 9. the objects of dropped snapshots are removed;
/// 10. new index segments leave the condemned packs out, then these are deleted;
/// 11. the records say so, and are removed when nobody needs them any more.
/// A stop at any moment leaves a valid repository.
/// </summary>
internal sealed class Collector
{
    private const int DeletesAFence = 100;

    /// <summary>Writes in a row that come too late before a collection gives up.</summary>
    private const int Rounds = 12;

    private const int ChunksPerSegment = 100_000;
    private const int PacksPerSegment = 1024;

    private readonly ICollectedRepository _repository;
    private readonly IObjectStore _store;
    private readonly CollectionOptions _options;
    private readonly CollectionTimes _times;
    private readonly OmittedSteps _omitted;
    private readonly IProgress<CollectionProgress>? _progress;
    private readonly SessionLife _life;
    private readonly SegmentCatalog _segments;
    private readonly CollectionMark _mark;
    private readonly LedgerTidying _tidying;
    private readonly List<string> _damaged = [];
    private readonly TimeSpan _grace;
    private bool _isInDoubt;

    public Collector(ICollectedRepository repository, CollectionOptions options, CollectionTimes times, IProgress<CollectionProgress>? progress, OmittedSteps omitted = OmittedSteps.None)
    {
        (_repository, _store, _options, _times, _progress, _omitted) = (repository, repository.Store, options, times, progress, omitted);
        _grace = options.ForgetGrace ?? times.ForgetGrace;
        _life = new SessionLife(_store, repository, omitted);
        _segments = new SegmentCatalog(repository);
        _mark = new CollectionMark(repository, _segments, times, omitted);
        _tidying = new LedgerTidying(repository, times, omitted);
    }

    /// <summary>Says that the session lives; to be called now and then by whoever runs a collection.</summary>
    public Task BeatAsync(SessionRecord record, CancellationToken cancellationToken) => _life.BeatAsync(record, cancellationToken);

    /// <summary>Runs it.</summary>
    /// <param name="announcement">Of its session.</param>
    /// <param name="cancellationToken">Stops it; what was begun is valid.</param>
    /// <exception cref="CollectionRefusedException">It cannot be told what is garbage.</exception>
    /// <exception cref="RepositoryException">The store failed, or the session was revoked.</exception>
    public async Task<CollectionReport> ExecuteAsync(SessionRecord announcement, CancellationToken cancellationToken)
    {
        if (_options.DryRun) return (await PlanAsync(await Ledger.ReadAsync(_store, _repository, null, cancellationToken), cancellationToken)).Report;
        // 1. its session
        await _life.AnnounceAsync(announcement, cancellationToken);
        try
        {
            return await CollectAsync(cancellationToken);
        }
        finally
        {
            // One that does not know what came of a delete says nothing, and is declared dead in time.
            if (!_isInDoubt || _omitted.HasFlag(OmittedSteps.EndAfterOutcome)) await TryEndAsync(announcement);
        }
    }

    private async Task<CollectionReport> CollectAsync(CancellationToken cancellationToken)
    {
        // 2. what others left behind
        await _tidying.ExecuteAsync(cancellationToken);
        var ledger = await Ledger.ReadAsync(_store, _repository, null, cancellationToken);
        ledger.RequireSound();

        // 3. and 4. mark and plan
        var (report, forgotten) = await PlanAsync(ledger, cancellationToken);

        // 5. copies
        if (_omitted.HasFlag(OmittedSteps.CopiesBeforeCondemn))
        {
            var early = await CondemnAsync(forgotten, ledger, cancellationToken);
            report = report with { CopiedBytes = await RepackAsync(cancellationToken) };
            return await SweepAsync(report, early, cancellationToken);
        }

        report = report with { CopiedBytes = await RepackAsync(cancellationToken), DamagedPacks = [.. _damaged] };

        // 6. the condemnation
        var condemned = await CondemnAsync(forgotten, ledger, cancellationToken);
        return await SweepAsync(report, condemned, cancellationToken);
    }

    private async Task<(CollectionReport Report, Dictionary<SnapshotId, MarkedSnapshot> Forgotten)> PlanAsync(Ledger ledger, CancellationToken cancellationToken)
    {
        // Sessions before snapshots: a session that is not among them has its snapshots, if any, listed after it ended.
        var sessions = await SessionRoll.ReadAsync(_store, cancellationToken);
        var forgotten = await ForgetMarks.ListAsync(_repository, _grace, cancellationToken);
        var gone = forgotten.Values.Where(f => f.IsMature || f.Marks.Any(m => ledger.DroppedAt(m) is not null)).ToDictionary(f => f.Id);
        var kept = (await ForgetMarks.ListSnapshotsAsync(_store, cancellationToken)).Where(s => !gone.ContainsKey(s.Value)).ToDictionary();
        await _mark.ExecuteAsync(kept, sessions, ledger, (stage, done, total) => _progress?.Report(new CollectionProgress(stage, done, total)), cancellationToken);
        CollectionPlanner.Decide(_mark.Packs.Values, _options);
        return (new CollectionReport { Snapshots = _mark.Snapshots, DroppedSnapshots = gone.Count, Plan = CollectionPlanner.Sum(_mark.Packs.Values) }, gone);
    }

    private async Task<long> RepackAsync(CancellationToken cancellationToken)
    {
        var total = _mark.Packs.Values.Count(p => p.Fate == PackFate.Repack);
        if (total == 0) return 0;
        var totalBytes = _mark.Packs.Values.Where(p => p.Fate == PackFate.Repack).Sum(p => p.LiveBytes);
        var (done, bytes) = (0, 0L);
        ReportCopied();
        await _mark.ForEachSurvivorAsync(
            async (pack, chunks) =>
            {
                if (chunks.Count > 0 && !await _repository.CopyAsync(pack, chunks, cancellationToken))
                {
                    _mark.Packs[pack.Pack].Fate = PackFate.Keep;
                    _damaged.Add(pack.Pack.Key);
                }

                done++;
                bytes += chunks.Sum(i => (long)pack.Chunks[i].StoredLength);
                ReportCopied();
            },
            cancellationToken);
        var copies = await _repository.CompleteCopiesAsync(cancellationToken);
        await WriteSegmentsAsync(copies, cancellationToken);
        return copies.Sum(p => p.Size);

        void ReportCopied() => _progress?.Report(new CollectionProgress(CollectionStage.Repack, done, total) { Bytes = bytes, TotalBytes = totalBytes });
    }

    /// <summary>
    /// Writes the records. What stands condemned by others already has a record of its own: it may have waited long enough.
    /// </summary>
    private async Task<Condemnation> CondemnAsync(Dictionary<SnapshotId, MarkedSnapshot> gone, Ledger ledger, CancellationToken cancellationToken)
    {
        var doomed = _mark.Packs.Values.Where(p => p.Fate is PackFate.Remove or PackFate.Repack).Select(p => p.Id).Order(PackOrder.Instance).ToList();
        var marks = gone.Values.SelectMany(f => f.Marks).Where(m => ledger.DroppedAt(m) is null).Order(StringComparer.Ordinal).ToList();
        if (doomed.Count == 0 && gone.Count == 0) return new Condemnation([], Ledger.Empty, gone);
        var number = 0;
        // Where there are exclusive fences, everything that was decided on before is there when this one is had.
        var exclusive = _store.HasExclusiveFences && !_omitted.HasFlag(OmittedSteps.ExclusiveCondemn);
        await using var fence = exclusive ? await _store.OpenFenceAsync(FenceMode.Exclusive, _times.FenceLifetime, cancellationToken) : null;
        // First that the snapshots are gone for good, then the packs that follow from it.
        if (!_omitted.HasFlag(OmittedSteps.DropRecord))
        {
            foreach (var part in marks.Chunk(CollectionRecord.MaxPacks)) await WriteAsync(new CollectionRecord(CollectionRecordKind.Drop, number++, [], part), cancellationToken);
        }

        var own = new List<int>();
        foreach (var group in doomed.GroupBy(ledger.IsCondemned))
        {
            foreach (var part in group.Chunk(CollectionRecord.MaxPacks))
            {
                own.Add(number);
                await WriteAsync(new CollectionRecord(CollectionRecordKind.Condemn, number++, part, []), cancellationToken);
            }
        }

        return new Condemnation(own, exclusive ? await Ledger.ReadAsync(_store, _repository, ledger, cancellationToken) : ledger, gone);
    }

    private async Task<CollectionReport> SweepAsync(CollectionReport report, Condemnation condemned, CancellationToken cancellationToken)
    {
        var waitsFor = new List<string>();
        var ready = new HashSet<int>();
        if (condemned.Numbers.Count > 0)
        {
            // 7. the wait
            ready = [.. await WaitAsync(condemned, waitsFor, cancellationToken)];
        }

        // 8. the second mark
        _progress?.Report(new CollectionProgress(CollectionStage.Remark, 0, 0));
        var (ledger, absolved, missing) = await RemarkAsync(condemned, ready, cancellationToken);
        var mine = ledger.Entries.Where(e => e.Session == _repository.Session && ready.Contains(e.Number)).ToList();
        var going = mine.SelectMany(e => e.Packs.Where(p => !absolved.Contains(p))).ToHashSet();

        // 9. dropped snapshots go before anything that they need does: whoever misses it finds out why
        await RemoveDroppedAsync(condemned, ledger, cancellationToken);

        // 10. the index, then the packs
        await RewriteIndexAsync([.. going, .. missing], cancellationToken);
        var (packs, bytes) = await DeleteAsync(going, cancellationToken);

        // 11. done
        foreach (var entry in mine) await WriteAsync(new CollectionRecord(CollectionRecordKind.Swept, entry.Number, [], []), cancellationToken);
        await RemoveReplacedSegmentsAsync(cancellationToken);
        await _tidying.ExecuteAsync(cancellationToken);
        return report with
        {
            DeletedPacks = packs,
            DeletedBytes = bytes,
            AbsolvedPacks = absolved.Count,
            CondemnedPacks = ledger.Entries.Where(e => e.Session == _repository.Session && !ready.Contains(e.Number)).Sum(e => e.Packs.Count),
            WaitsFor = waitsFor,
        };
    }

    /// <summary>
    /// Waits until everything is in the store that a session decided on without knowing that the packs are condemned. Returns the records for which it is.
    /// </summary>
    private async Task<IReadOnlyCollection<int>> WaitAsync(Condemnation condemned, List<string> waitsFor, CancellationToken cancellationToken)
    {
        if (_store.HasExclusiveFences || _omitted.HasFlag(OmittedSteps.Wait)) return condemned.Numbers;
        DateTimeOffset? started = null;
        while (true)
        {
            // The ledger is read after the own records were written: what another record condemned without a break since long ago has waited as long.
            var ledger = await Ledger.ReadAsync(_store, _repository, null, cancellationToken);
            var sessions = await SessionRoll.ReadAsync(_store, cancellationToken);
            var now = await _store.GetTimeAsync(cancellationToken);
            started ??= now;
            waitsFor.Clear();
            var ready = new List<int>();
            var last = now;
            foreach (var entry in ledger.Entries.Where(e => e.Session == _repository.Session && condemned.Numbers.Contains(e.Number)))
            {
                var (until, names) = await SettledAsync(SinceOf(entry, ledger), sessions, now, cancellationToken);
                if (until <= now)
                {
                    ready.Add(entry.Number);
                    continue;
                }

                last = until > last ? until : last;
                waitsFor.AddRange(names.Except(waitsFor));
            }

            if (waitsFor.Count == 0 || !_options.Wait) return ready;
            _progress?.Report(new CollectionProgress(CollectionStage.Wait, (long)(now - started.Value).TotalSeconds, (long)Math.Ceiling((last - started.Value).TotalSeconds)) { WaitsFor = [.. waitsFor] });
            await _repository.DelayAsync(last - now < _times.Poll ? last - now + TimeSpan.FromMilliseconds(1) : _times.Poll, cancellationToken);
        }
    }

    /// <summary>Since when all packs of a record have been condemned without a break.</summary>
    private DateTimeOffset SinceOf(LedgerEntry own, Ledger ledger)
    {
        var since = DateTimeOffset.MinValue;
        foreach (var pack in own.Packs)
        {
            var first = ledger.Entries
                .Where(e => e == own || (_omitted.HasFlag(OmittedSteps.StandingInheritance) ? e.Packs.Contains(pack) : e.Condemns(pack)))
                .Min(e => e.Condemned);
            since = first > since ? first : since;
        }

        return since;
    }

    /// <summary>When everything is in the store that was decided on before a time, and whose word is still out.</summary>
    private async Task<(DateTimeOffset Until, List<string> Sessions)> SettledAsync(DateTimeOffset since, Dictionary<string, SessionState> sessions, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var until = since;
        var names = new List<string>();
        foreach (var session in sessions.Values)
        {
            // One that began later has read a ledger that has the record.
            if (session.Name == _repository.Session || session.IsOver(now, _times, _omitted) || session.Began > since + _times.ClockSlack) continue;
            var settled = since + _times.ReachOf(await FenceLifetimeAsync(session, cancellationToken));
            if (settled > now) names.Add(session.Name);
            until = settled > until ? settled : until;
        }

        return (until, names);
    }

    private async Task<TimeSpan> FenceLifetimeAsync(SessionState session, CancellationToken cancellationToken)
    {
        if (session.Began is null) return _times.LongestFence;
        var key = SessionState.AnnouncementKey(session.Name);
        try
        {
            return _repository.OpenSession(key, await _store.ReadAllAsync(key, WriteSession.MaxRecordLength, cancellationToken)).FenceLifetime;
        }
        catch (Exception exception) when (exception is RepositoryFormatException or StoreException { Failure: StoreFailure.NotFound })
        {
            return _times.LongestFence;
        }
    }

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
    /// The second mark lists snapshots after that, so it finds S, and takes P back unless c has another location that is there, named, and condemned by nobody.
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
    private async Task<(Ledger Ledger, HashSet<PackId> Absolved, HashSet<PackId> Missing)> RemarkAsync(Condemnation condemned, HashSet<int> ready, CancellationToken cancellationToken)
    {
        var ledger = await Ledger.ReadAsync(_store, _repository, null, cancellationToken);
        ledger.RequireSound();
        if (_omitted.HasFlag(OmittedSteps.Remark)) return (ledger, [], []);
        var there = _omitted.HasFlag(OmittedSteps.ListPacksAgain) ? _mark.Packs.Values.ToDictionary(p => p.Id, p => p.Size) : await _mark.ListPacksAsync(cancellationToken);
        var gone = await FindGoneAsync(condemned, ledger, cancellationToken);
        var kept = (await ForgetMarks.ListSnapshotsAsync(_store, cancellationToken)).Where(s => !gone.Contains(s.Value)).ToDictionary();
        await _mark.WalkNewAsync(kept, cancellationToken);
        await _segments.RefreshAsync(null, null, cancellationToken);

        var mine = ledger.Entries.Where(e => e.Session == _repository.Session).ToList();
        // Those that are left to a later run count as condemned, and are neither taken back nor deleted.
        var own = mine.Where(e => ready.Contains(e.Number)).SelectMany(e => e.Packs).ToHashSet();
        var others = _omitted.HasFlag(OmittedSteps.OthersCondemns) ? [] : ledger.Entries.Except(mine).ToList();
        var missing = new HashSet<PackId>();
        var condemnedPacks = _omitted.HasFlag(OmittedSteps.OthersCondemns) ? [.. mine.SelectMany(e => e.Packs)] : ledger.CondemnedPacks();
        var needed = await _mark.FindNeededAsync(own, async pack => await IsThereAsync(pack) && !condemnedPacks.Contains(pack), pack => others.Exists(e => e.Condemns(pack)), cancellationToken);

        foreach (var entry in mine.Where(e => ready.Contains(e.Number)))
        {
            var back = entry.Packs.Where(needed.Contains).Order(PackOrder.Instance).ToList();
            if (back.Count > 0) await WriteAsync(new CollectionRecord(CollectionRecordKind.Absolve, entry.Number, back, []), cancellationToken);
        }

        if (_omitted.HasFlag(OmittedSteps.OwnAbsolvesOnly))
        {
            foreach (var entry in ledger.Entries.Except(mine))
            {
                var key = CollectionRecord.KeyOf(entry.Session, CollectionRecordKind.Absolve, entry.Number);
                await _store.PutAsync(key, _repository.Seal(new CollectionRecord(CollectionRecordKind.Absolve, entry.Number, [.. entry.Packs], [])), cancellationToken);
            }
        }

        return (ledger, needed, missing);

        async Task<bool> IsThereAsync(PackId pack)
        {
            if (there.ContainsKey(pack)) return true;
            if (missing.Contains(pack)) return false;
            // Written since the list, or gone.
            if (!_omitted.HasFlag(OmittedSteps.ListPacksAgain) && await _store.StatAsync(pack.Key, cancellationToken) is null)
            {
                missing.Add(pack);
                return false;
            }

            there.Add(pack, 0);
            return true;
        }
    }

    /// <summary>The snapshots of which it is certain that they are not taken back.</summary>
    private async Task<HashSet<SnapshotId>> FindGoneAsync(Condemnation condemned, Ledger ledger, CancellationToken cancellationToken)
    {
        var gone = new HashSet<SnapshotId>();
        if (condemned.Gone.Count == 0) return gone;
        if (_omitted.HasFlag(OmittedSteps.DropRecord)) return [.. (await ForgetMarks.ListAsync(_repository, _grace, cancellationToken)).Values.Where(f => f.IsMature).Select(f => f.Id)];
        // The reach is over before the marks are listed, or they are not gone for this run.
        var sessions = await SessionRoll.ReadAsync(_store, cancellationToken);
        var now = await _store.GetTimeAsync(cancellationToken);
        var settled = new HashSet<string>();
        foreach (var drop in _store.HasExclusiveFences && !_omitted.HasFlag(OmittedSteps.ExclusiveCondemn) ? condemned.Ledger.Drops : ledger.Drops)
        {
            if (_store.HasExclusiveFences || _omitted.HasFlag(OmittedSteps.DropSettles) || (await SettledAsync(drop.Written, sessions, now, cancellationToken)).Until <= now) settled.UnionWith(drop.Marks);
        }

        foreach (var forgotten in (await ForgetMarks.ListAsync(_repository, _grace, cancellationToken)).Values)
        {
            if (condemned.Gone.ContainsKey(forgotten.Id) && forgotten.Marks.Any(settled.Contains)) gone.Add(forgotten.Id);
        }

        return gone;
    }

    /// <summary>Writes segments that name what the old ones do, without some packs.</summary>
    private async Task RewriteIndexAsync(HashSet<PackId> without, CancellationToken cancellationToken)
    {
        var affected = _segments.Current.Where(s => s.Facts.Packs.Any(without.Contains)).ToList();
        if (affected.Count == 0) return;
        var listed = _segments.All.Select(s => s.Facts.Hash).ToHashSet();
        var packs = new List<PackContents>();
        var replaced = new HashSet<ChunkId>();
        var chunks = 0;
        var seen = new HashSet<PackId>();
        foreach (var (key, facts) in affected)
        {
            IndexSegment segment;
            try
            {
                segment = await _segments.ReadAsync(key, cancellationToken);
            }
            catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
            {
                continue;
            }

            foreach (var pack in segment.Packs)
            {
                if (without.Contains(pack.Pack) || !seen.Add(pack.Pack)) continue;
                if (packs.Count > 0 && (packs.Count >= PacksPerSegment || chunks + pack.Chunks.Count > ChunksPerSegment)) await FlushAsync();
                packs.Add(pack);
                chunks += pack.Chunks.Count;
            }

            // Replaced only by the segment that completes what is in it; and what it has replaced itself stays replaced for as long as it is there.
            replaced.Add(facts.Hash);
            replaced.UnionWith(facts.Superseded.Where(listed.Contains));
        }

        await FlushAsync();

        async Task FlushAsync()
        {
            await ReplaceSegmentsAsync(new IndexSegment([.. packs], [.. replaced]), cancellationToken);
            packs.Clear();
            replaced.Clear();
            chunks = 0;
        }
    }

    /// <summary>
    /// A segment that leaves packs out takes effect only while they stand condemned: a process that was held up until its records were removed would
    /// hide packs that others rely on by then.
    /// </summary>
    private async Task ReplaceSegmentsAsync(IndexSegment segment, CancellationToken cancellationToken)
    {
        var (key, content) = _repository.SealSegment(segment);
        for (var round = 1; ; round++)
        {
            try
            {
                await using var fence = await OpenOwnFenceAsync(_omitted.HasFlag(OmittedSteps.IndexFence), cancellationToken);
                _isInDoubt = true;
                await fence.PutAsync(key, content, cancellationToken);
                _isInDoubt = false;
                break;
            }
            catch (FenceExpiredException)
            {
                _isInDoubt = false;
                if (round == Rounds) throw;
            }
        }

        _segments.Add(key, segment, await _store.GetTimeAsync(cancellationToken));
    }

    /// <summary>A fence, and the certainty that the own session stands: then the own records do.</summary>
    private async Task<IFence> OpenOwnFenceAsync(bool omitted, CancellationToken cancellationToken)
    {
        var fence = await _store.OpenFenceAsync(FenceMode.Shared, _times.FenceLifetime, cancellationToken);
        try
        {
            if (!_omitted.HasFlag(OmittedSteps.OwnSessionAtDelete)) await SnapshotPublication.RequireOwnSessionAsync(_store, _repository.Session, cancellationToken);
        }
        catch
        {
            await fence.DisposeAsync();
            throw;
        }

        if (!omitted) return fence;
        await fence.DisposeAsync();
        return new HeldFence(_store, null);
    }

    private async Task WriteSegmentsAsync(IReadOnlyList<PackContents> packs, CancellationToken cancellationToken)
    {
        foreach (var part in packs.Chunk(PacksPerSegment))
        {
            var segment = new IndexSegment(part, []);
            var (key, content) = _repository.SealSegment(segment);
            await _store.PutAsync(key, content, cancellationToken);
            _segments.Add(key, segment, await _store.GetTimeAsync(cancellationToken));
        }
    }

    /// <summary>Removes the objects of snapshots that are gone, then their marks: never the other way round.</summary>
    private async Task RemoveDroppedAsync(Condemnation condemned, Ledger ledger, CancellationToken cancellationToken)
    {
        var gone = await FindGoneAsync(condemned, ledger, cancellationToken);
        if (gone.Count == 0) return;
        foreach (var (key, id) in await ForgetMarks.ListSnapshotsAsync(_store, cancellationToken))
        {
            if (gone.Contains(id)) await _store.DeleteAsync(key, cancellationToken);
        }

        foreach (var (entry, id) in await ForgetMarks.ListMarksAsync(_store, ForgetMarks.Prefix, cancellationToken))
        {
            if (gone.Contains(id)) await _store.DeleteAsync(entry.Key, cancellationToken);
        }
    }

    private async Task<(int Packs, long Bytes)> DeleteAsync(HashSet<PackId> going, CancellationToken cancellationToken)
    {
        var (packs, bytes) = (0, 0L);
        var total = going.Sum(SizeOf);
        var left = new Queue<PackId>(going.Order(PackOrder.Instance));
        var refused = 0;
        while (left.Count > 0)
        {
            await using var write = await OpenOwnFenceAsync(_omitted.HasFlag(OmittedSteps.DeleteFence), cancellationToken);
            try
            {
                for (var i = 0; i < DeletesAFence && left.TryPeek(out var pack); i++)
                {
                    _isInDoubt = true;
                    if (await write.DeleteAsync(pack.Key, cancellationToken))
                    {
                        packs++;
                        bytes += SizeOf(pack);
                    }

                    _isInDoubt = false;
                    left.Dequeue();
                    refused = 0;
                    _progress?.Report(new CollectionProgress(CollectionStage.Delete, going.Count - left.Count, going.Count) { Bytes = bytes, TotalBytes = total });
                }
            }
            catch (FenceExpiredException)
            {
                _isInDoubt = false;
                if (++refused == Rounds) throw;
            }
        }

        return (packs, bytes);

        long SizeOf(PackId pack) => _mark.Packs.GetValueOrDefault(pack)?.Size ?? 0;
    }

    /// <summary>A replaced segment goes when nobody who listed it before it was replaced can still want to read it.</summary>
    private async Task RemoveReplacedSegmentsAsync(CancellationToken cancellationToken)
    {
        var now = await _store.GetTimeAsync(cancellationToken);
        var replacement = new Dictionary<ChunkId, DateTimeOffset>();
        foreach (var (_, facts) in _segments.All)
        {
            foreach (var hash in facts.Superseded)
            {
                if (!replacement.TryGetValue(hash, out var known) || facts.Written < known) replacement[hash] = facts.Written;
            }
        }

        foreach (var (key, facts) in _segments.All.ToList())
        {
            if (replacement.TryGetValue(facts.Hash, out var written) && now - written > _times.ReplacedSegment) await _store.DeleteAsync(key, cancellationToken);
        }
    }

    private async Task WriteAsync(CollectionRecord record, CancellationToken cancellationToken) =>
        await _store.PutAsync(record.KeyFor(_repository.Session), _repository.Seal(record), cancellationToken);

    private async Task TryEndAsync(SessionRecord announcement)
    {
        try
        {
            await _life.EndAsync(announcement, CancellationToken.None);
        }
        catch (RepositoryException)
        {
            // Others wait a little longer, and declare the session dead in time.
        }
    }

    /// <summary>What this run has condemned.</summary>
    /// <param name="Numbers">Of its condemn records.</param>
    /// <param name="Ledger">As it was under the exclusive fence, if there was one.</param>
    /// <param name="Gone">The snapshots that are not counted.</param>
    private sealed record Condemnation(IReadOnlyList<int> Numbers, Ledger Ledger, Dictionary<SnapshotId, MarkedSnapshot> Gone);
}
