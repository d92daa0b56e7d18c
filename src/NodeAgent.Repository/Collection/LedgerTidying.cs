using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Collection;

/// <summary>
/// Removes objects of the protocol that nobody needs any more, and declares sessions dead:
/// 1. a session that was silent for long is revoked: a mark says so, then its announcement goes, by which it knows;
/// 2. a condemn record goes when it is done with (its session says so, has ended, or was revoked longer ago than the reach of its fences) and every session that
///    still runs is younger than that: an older one may have read its index before the packs went, and must find the record when it publishes;
/// 3. a record that made marks final goes when the marks are gone;
/// 4. the objects of a session that is over go when no record of it is left.
/// Any collector does it for all.
/// </summary>
internal sealed class LedgerTidying(ICollectedRepository repository, CollectionTimes times, OmittedSteps omitted)
{
    private readonly IObjectStore _store = repository.Store;

    public async Task ExecuteAsync(CancellationToken cancellationToken)
    {
        // Where there are exclusive fences nobody is between a look and a write meanwhile.
        await using var fence = _store.HasExclusiveFences ? await _store.OpenFenceAsync(FenceMode.Exclusive, times.FenceLifetime, cancellationToken) : null;
        // The ledger before the sessions: one that begins after the ledger was read knows every record in it, one that began before is listed.
        var ledger = await Ledger.ReadAsync(_store, repository, null, cancellationToken);
        var sessions = await SessionRoll.ReadAsync(_store, cancellationToken);
        var now = await _store.GetTimeAsync(cancellationToken);
        await RevokeAsync(sessions, ledger, now, cancellationToken);
        await RemoveRecordsAsync(sessions, ledger, now, cancellationToken);
        await RemoveDropsAsync(ledger, cancellationToken);
        await RemoveSessionsAsync(sessions, now, cancellationToken);
    }

    private async Task RevokeAsync(Dictionary<string, SessionState> sessions, Ledger ledger, DateTimeOffset now, CancellationToken cancellationToken)
    {
        // Records of a session that has no object of its own left: someone removed it by hand.
        foreach (var name in ledger.Entries.Select(e => e.Session).Concat(ledger.Drops.Select(d => d.Session)).Concat(ledger.Strays.Select(SessionOf)).Distinct())
        {
            if (!sessions.ContainsKey(name)) sessions[name] = new SessionState(name);
        }

        foreach (var session in sessions.Values.ToList())
        {
            if (session.Name == repository.Session || session.Ended is not null) continue;
            if (session.Revoked is null && session.Began is not null && now - session.Newest < times.Dead) continue;
            if (session.Revoked is null)
            {
                var record = repository.Seal(new SessionRecord(now, null, null));
                await _store.PutAsync(SessionState.RevokedKey(session.Name), record, cancellationToken);
                sessions[session.Name] = session with { Revoked = now };
            }

            if (session.Began is not null) await _store.DeleteAsync(SessionState.AnnouncementKey(session.Name), cancellationToken);
        }
    }

    private async Task RemoveRecordsAsync(Dictionary<string, SessionState> sessions, Ledger ledger, DateTimeOffset now, CancellationToken cancellationToken)
    {
        foreach (var entry in ledger.Entries)
        {
            if ((entry.Swept ?? sessions[entry.Session].OverSince(now, times, omitted)) is not { } closed) continue;
            // One without an announcement was there before everything; its fences are still in reach.
            var needed = sessions.Values.Any(s => s.Name != repository.Session && s.Name != entry.Session && !s.IsOver(now, times, omitted) && !(s.Began > closed + times.ClockSlack));
            if (needed && !omitted.HasFlag(OmittedSteps.RecordRetention)) continue;
            // What condemns goes first: without what was taken back, more would seem condemned than is.
            await _store.DeleteAsync(entry.Key, cancellationToken);
            foreach (var kind in (CollectionRecordKind[])[CollectionRecordKind.Absolve, CollectionRecordKind.Swept])
                await _store.DeleteAsync(CollectionRecord.KeyOf(entry.Session, kind, entry.Number), cancellationToken);
        }

        // Left by a stop between these deletes, or written by a session that was dead already.
        foreach (var stray in ledger.Strays)
        {
            if (sessions[SessionOf(stray)].IsOver(now, times, omitted))
                await _store.DeleteAsync(stray.Key, cancellationToken);
        }
    }

    private async Task RemoveDropsAsync(Ledger ledger, CancellationToken cancellationToken)
    {
        if (ledger.Drops.Count == 0) return;
        var marks = (await ForgetMarks.ListMarksAsync(_store, ForgetMarks.Prefix, cancellationToken)).Select(m => m.Entry.Key).ToHashSet();
        foreach (var drop in ledger.Drops)
        {
            if (drop.Damage is null && !drop.Marks.Overlaps(marks)) await _store.DeleteAsync(drop.Key, cancellationToken);
        }
    }

    private async Task RemoveSessionsAsync(Dictionary<string, SessionState> sessions, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var ledger = await Ledger.ReadAsync(_store, repository, null, cancellationToken);
        var needed = ledger.Entries.Select(e => e.Session).Concat(ledger.Drops.Select(d => d.Session)).ToHashSet();
        foreach (var session in sessions.Values)
        {
            if (session.Name == repository.Session || needed.Contains(session.Name) || !session.IsOver(now, times, omitted)) continue;
            // What says that it is over goes last.
            foreach (var key in session.Keys.Where(k => !IsLast(k))) await _store.DeleteAsync(key, cancellationToken);
            foreach (var key in session.Keys.Where(IsLast)) await _store.DeleteAsync(key, cancellationToken);
        }
    }

    private static string SessionOf(StoreEntry record) => CollectionRecord.TryParseKey(record.Key, out var session, out _, out _) ? session : "";

    private static bool IsLast(string key) => key.EndsWith("/end", StringComparison.Ordinal) || key.EndsWith("/revoked", StringComparison.Ordinal);
}
