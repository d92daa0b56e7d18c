using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Collection;

/// <summary>
/// A session's own objects. It begins in this order:
/// 1. it announces itself: from now on no record is removed that it has not seen;
/// 2. it reads the ledger;
/// 3. it reads which packs there are, then the index; packs that are condemned or gone do not count.
/// Whatever is condemned after 2 it finds when it publishes.
/// </summary>
internal sealed class SessionLife(IObjectStore store, IProtocolRecords records, OmittedSteps omitted = OmittedSteps.None)
{
    private int _heartbeats;

    /// <summary>Begins; returns the ledger that the index was read with.</summary>
    /// <param name="announcement">Becomes the session's first object.</param>
    /// <param name="earlier">An earlier reading of the ledger.</param>
    /// <param name="readIndex">Reads packs and index, in this order, in the light of the ledger.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<Ledger> BeginAsync(SessionRecord announcement, Ledger? earlier, Func<Ledger, Task> readIndex, CancellationToken cancellationToken)
    {
        var announced = omitted.HasFlag(OmittedSteps.AnnounceBeforeIndex);
        if (!announced) await AnnounceAsync(announcement, cancellationToken);
        if (omitted.HasFlag(OmittedSteps.LedgerBeforeIndex)) await readIndex(Ledger.Empty);
        var ledger = await Ledger.ReadAsync(store, records, earlier, cancellationToken);
        ledger.RequireSound();
        if (!omitted.HasFlag(OmittedSteps.LedgerBeforeIndex)) await readIndex(omitted.HasFlag(OmittedSteps.IgnoreCondemnedAtBegin) ? Ledger.Empty : ledger);
        if (announced) await AnnounceAsync(announcement, cancellationToken);
        return ledger;
    }

    public async Task AnnounceAsync(SessionRecord announcement, CancellationToken cancellationToken) =>
        await store.PutAsync(SessionState.AnnouncementKey(records.Session), records.Seal(announcement), cancellationToken);

    /// <summary>Says that the session lives.</summary>
    public async Task BeatAsync(SessionRecord record, CancellationToken cancellationToken) =>
        await store.PutAsync(SessionState.HeartbeatKey(records.Session, Interlocked.Increment(ref _heartbeats)), records.Seal(record), cancellationToken);

    /// <summary>Says that the session publishes and deletes nothing more. Not to be called while the outcome of a write through a fence is unknown.</summary>
    public async Task EndAsync(SessionRecord record, CancellationToken cancellationToken) =>
        await store.PutAsync(SessionState.EndKey(records.Session), records.Seal(record), cancellationToken);
}
