using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Collection;

/// <summary>
/// Removes what no snapshot uses, beside any number of writers and other collectors:
/// 1. its session begins;
/// 2. what others left behind is tidied (<see cref="LedgerTidying"/>);
/// 3. the mark: which chunks do snapshots use, which packs hold them (<see cref="CollectionMark"/>);
/// 4. the plan: which packs go (<see cref="CollectionPlanner"/>);
/// 5. what is used in them is copied to packs of its own, and these are indexed (<see cref="PackCopying"/>);
/// 6. the packs are condemned: from now on nothing new relies on them (<see cref="PackCondemning"/>);
/// 7. it waits until everything is there that was decided on before that (<see cref="SettlementWait"/>);
/// 8. the second mark: packs that a snapshot needs after all are taken back (<see cref="SecondMark"/>);
/// 9. the objects of dropped snapshots are removed (<see cref="DroppedSnapshots"/>);
/// 10. new index segments leave the condemned packs out, then these are deleted (<see cref="SegmentRewrite"/>, <see cref="PackDeletion"/>);
/// 11. the records say so, and are removed when nobody needs them any more.
/// A stop at any moment leaves a valid repository.
/// </summary>
internal sealed class Collector : IDisposable
{
    private readonly CollectionScope _scope;
    private readonly SessionLife _life;
    private readonly SegmentCatalog _segments;
    private readonly CollectionMark _mark;
    private readonly LedgerTidying _tidying;
    private readonly PackCopying _copying;
    private readonly PackCondemning _condemning;
    private readonly SettlementWait _wait;
    private readonly DroppedSnapshots _dropped;
    private readonly SecondMark _secondMark;
    private readonly SegmentRewrite _rewrite;
    private readonly PackDeletion _deletion;

    public Collector(ICollectedRepository repository, CollectionOptions options, CollectionTimes times, IProgress<CollectionProgress>? progress, OmittedSteps omitted = OmittedSteps.None)
    {
        _scope = new CollectionScope(repository, options, times, progress, omitted);
        _life = new SessionLife(repository.Store, repository, omitted);
        _segments = new SegmentCatalog(repository);
        _mark = new CollectionMark(repository, _segments, times, omitted);
        _tidying = new LedgerTidying(repository, times, omitted);
        _copying = new PackCopying(_scope, _mark, _segments);
        _condemning = new PackCondemning(_scope, _mark);
        _wait = new SettlementWait(_scope);
        _dropped = new DroppedSnapshots(_scope, _wait);
        _secondMark = new SecondMark(_scope, _mark, _segments, _dropped);
        _rewrite = new SegmentRewrite(repository, _segments, options.Segments);
        _deletion = new PackDeletion(_scope, _mark);
    }

    /// <summary>Removes its temporary files.</summary>
    public void Dispose() => _mark.Dispose();

    /// <summary>Says that the session lives; to be called now and then by whoever runs a collection.</summary>
    public Task BeatAsync(SessionRecord record, CancellationToken cancellationToken) => _life.BeatAsync(record, cancellationToken);

    /// <summary>Runs it.</summary>
    /// <param name="announcement">Of its session.</param>
    /// <param name="cancellationToken">Stops it; what was begun is valid.</param>
    /// <exception cref="CollectionRefusedException">It cannot be told what is garbage.</exception>
    /// <exception cref="RepositoryException">The store failed, or the session was revoked.</exception>
    public async Task<CollectionReport> ExecuteAsync(SessionRecord announcement, CancellationToken cancellationToken)
    {
        if (_scope.Options.DryRun) return (await PlanAsync(await _scope.ReadLedgerAsync(null, cancellationToken), cancellationToken)).Report;
        // 1. its session
        await _life.AnnounceAsync(announcement, cancellationToken);
        try
        {
            return await CollectAsync(cancellationToken);
        }
        finally
        {
            // One that does not know what came of a delete says nothing, and is declared dead in time.
            if (!_scope.IsInDoubt || _scope.Omits(OmittedSteps.EndAfterOutcome)) await TryEndAsync(announcement);
        }
    }

    private async Task<CollectionReport> CollectAsync(CancellationToken cancellationToken)
    {
        // 2. what others left behind
        await _tidying.ExecuteAsync(cancellationToken);
        var ledger = await _scope.ReadLedgerAsync(null, cancellationToken);
        ledger.RequireSound();

        // 3. and 4. mark and plan
        var (report, gone, began) = await PlanAsync(ledger, cancellationToken);

        // 5. copies, 6. the condemnation
        Condemnation condemned;
        if (_scope.Omits(OmittedSteps.CopiesBeforeCondemn))
        {
            condemned = await _condemning.ExecuteAsync(gone, ledger, began, cancellationToken);
            report = report with { CopiedBytes = await _copying.ExecuteAsync(cancellationToken) };
        }
        else
        {
            report = report with { CopiedBytes = await _copying.ExecuteAsync(cancellationToken), DamagedPacks = _copying.Damaged };
            condemned = await _condemning.ExecuteAsync(gone, ledger, began, cancellationToken);
        }

        // 7. the wait
        var waitsFor = new List<string>();
        var ready = await _wait.ExecuteAsync(condemned, waitsFor, cancellationToken);

        // 8. the second mark
        var found = await _secondMark.ExecuteAsync(condemned, ready, cancellationToken);

        // 9. dropped snapshots go before anything that they need does: whoever misses it finds out why
        await _dropped.RemoveAsync(found.Gone, cancellationToken);

        // 10. the index, then the packs
        await _rewrite.ExecuteAsync((HashSet<PackId>)[.. found.Going, .. found.Missing], PutSegmentAsync, cancellationToken);
        var (packs, bytes) = await _deletion.ExecuteAsync(found.Going, cancellationToken);

        // 11. done
        foreach (var entry in found.Ready) await _scope.WriteAsync(new CollectionRecord(CollectionRecordKind.Swept, entry.Number, [], []), cancellationToken);
        await _rewrite.RemoveReplacedAsync(_scope.Times, cancellationToken);
        await _tidying.ExecuteAsync(cancellationToken);
        return report with
        {
            DeletedPacks = packs,
            DeletedBytes = bytes,
            AbsolvedPacks = found.TakenBack,
            CondemnedPacks = found.Left,
            WaitsFor = waitsFor,
        };
    }

    /// <summary>When this session did, by the store's clock; the earliest time when that is not known, as without a session of its own.</summary>
    private DateTimeOffset BeganOf(Dictionary<string, SessionState> sessions) =>
        sessions.TryGetValue(_scope.Repository.Session, out var own) && own.Began is { } began ? began : DateTimeOffset.MinValue;

    private async Task<(CollectionReport Report, Dictionary<SnapshotId, MarkedSnapshot> Gone, DateTimeOffset Began)> PlanAsync(Ledger ledger, CancellationToken cancellationToken)
    {
        // Sessions before snapshots: a session that is not among them has its snapshots, if any, listed after it ended.
        var sessions = await SessionRoll.ReadAsync(_scope.Store, cancellationToken);
        var forgotten = await ForgetMarks.ListAsync(_scope.Repository, _scope.Grace, cancellationToken);
        var gone = forgotten.Values.Where(f => f.IsMature || f.Marks.Any(m => ledger.DroppedAt(m) is not null)).ToDictionary(f => f.Id);
        var kept = (await ForgetMarks.ListSnapshotsAsync(_scope.Store, cancellationToken)).Where(s => !gone.ContainsKey(s.Value)).ToDictionary();
        await _mark.ExecuteAsync(kept, sessions, ledger, (stage, done, total) => _scope.Report(new CollectionProgress(stage, done, total)), cancellationToken);
        CollectionPlanner.Decide(_mark.Packs.Values, _scope.Options);
        return (new CollectionReport { Snapshots = _mark.Snapshots, DroppedSnapshots = gone.Count, Plan = CollectionPlanner.Sum(_mark.Packs.Values) }, gone, BeganOf(sessions));
    }

    /// <summary>
    /// A segment that leaves packs out takes effect only while they stand condemned: a process that was held up until its records were removed would
    /// hide packs that others rely on by then.
    /// </summary>
    private async Task PutSegmentAsync(string key, byte[] content, CancellationToken cancellationToken)
    {
        for (var round = 1; ; round++)
        {
            try
            {
                await using var fence = await _scope.OpenOwnFenceAsync(OmittedSteps.IndexFence, cancellationToken);
                await _scope.DecideAsync(fence, () => fence.PutAsync(key, content, cancellationToken));
                return;
            }
            catch (FenceExpiredException) when (round < CollectionScope.Rounds)
            {
                // The look was too long ago: again.
            }
        }
    }

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
}
