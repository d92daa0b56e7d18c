using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Collection;

/// <summary>Waits until everything is in the store that was decided on before a time.</summary>
internal sealed class SettlementWait(CollectionScope scope)
{
    /// <summary>
    /// Waits until everything is in the store that a session decided on without knowing that the packs are condemned. Returns the records for which it is.
    /// </summary>
    /// <param name="condemned">What is waited for.</param>
    /// <param name="waitsFor">Filled with the sessions whose word is out, if it does not wait to the end.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<HashSet<int>> ExecuteAsync(Condemnation condemned, List<string> waitsFor, CancellationToken cancellationToken)
    {
        if (scope.Store.HasExclusiveFences || condemned.Numbers.Count == 0 || scope.Omits(OmittedSteps.Wait)) return [.. condemned.Numbers];
        DateTimeOffset? started = null;
        while (true)
        {
            // The ledger is read after the own records were written: what another record condemned without a break since long ago has waited as long.
            var ledger = await scope.ReadLedgerAsync(null, cancellationToken);
            var sessions = await SessionRoll.ReadAsync(scope.Store, cancellationToken);
            var now = await scope.Store.GetTimeAsync(cancellationToken);
            started ??= now;
            waitsFor.Clear();
            var ready = new HashSet<int>();
            var last = now;
            foreach (var entry in ledger.Entries.Where(e => e.Session == scope.Repository.Session && condemned.Numbers.Contains(e.Number)))
            {
                var (until, names) = await SettlesAsync(SinceOf(entry, ledger), sessions, now, cancellationToken);
                if (until <= now)
                {
                    ready.Add(entry.Number);
                    continue;
                }

                last = until > last ? until : last;
                waitsFor.AddRange(names.Except(waitsFor));
            }

            if (waitsFor.Count == 0 || !scope.Options.Wait) return ready;
            scope.Report(new CollectionProgress(CollectionStage.Wait, (long)(now - started.Value).TotalSeconds, (long)Math.Ceiling((last - started.Value).TotalSeconds)) { WaitsFor = [.. waitsFor] });
            await scope.Repository.DelayAsync(last - now < scope.Times.Poll ? last - now + TimeSpan.FromMilliseconds(1) : scope.Times.Poll, cancellationToken);
        }
    }

    /// <summary>When everything is in the store that was decided on before a time, and whose word is still out.</summary>
    public async Task<(DateTimeOffset Until, List<string> Sessions)> SettlesAsync(DateTimeOffset since, Dictionary<string, SessionState> sessions, DateTimeOffset now, CancellationToken cancellationToken)
    {
        // Not the time itself, which may lie ahead of now by another clock of the store: without sessions there is nothing to wait for.
        var until = DateTimeOffset.MinValue;
        var names = new List<string>();
        foreach (var session in sessions.Values)
        {
            // One that began later has read a ledger that has the record.
            if (session.Name == scope.Repository.Session || session.IsOver(now, scope.Times, scope.Omitted) || session.Began > since + scope.Times.ClockSlack) continue;
            var settled = since + scope.Times.ReachOf(await FenceLifetimeAsync(session, cancellationToken));
            if (settled > now) names.Add(session.Name);
            until = settled > until ? settled : until;
        }

        return (until, names);
    }

    /// <summary>Since when all packs of a record have been condemned without a break.</summary>
    private DateTimeOffset SinceOf(LedgerEntry own, Ledger ledger)
    {
        var since = DateTimeOffset.MinValue;
        foreach (var pack in own.Packs)
        {
            var first = ledger.Entries
                .Where(e => e == own || (scope.Omits(OmittedSteps.StandingInheritance) ? e.Packs.Contains(pack) : e.Condemns(pack)))
                .Min(e => e.Condemned);
            since = first > since ? first : since;
        }

        return since;
    }

    private async Task<TimeSpan> FenceLifetimeAsync(SessionState session, CancellationToken cancellationToken)
    {
        if (session.Began is null) return scope.Times.LongestFence;
        var key = SessionState.AnnouncementKey(session.Name);
        try
        {
            return scope.Repository.OpenSession(key, await scope.Store.ReadAllAsync(key, WriteSession.MaxRecordLength, cancellationToken)).FenceLifetime;
        }
        catch (Exception exception) when (exception is RepositoryFormatException or StoreException { Failure: StoreFailure.NotFound })
        {
            return scope.Times.LongestFence;
        }
    }
}
