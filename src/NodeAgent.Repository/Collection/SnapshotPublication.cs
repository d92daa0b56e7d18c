using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Collection;

/// <summary>
/// The commit of a session (case 1 of the argument in <see cref="Collector"/>):
/// 1. a fence is taken;
/// 2. the look: the ledger, then the own session;
/// 3. when the ledger has condemn records that the session has not taken into account, the fence is given back, the snapshot's chunks are made safe, and
///    it begins again at 1;
/// 4. the write, through the fence. When the store refuses it because the look was too long ago, it begins again at 1.
/// </summary>
/// <param name="store">Where.</param>
/// <param name="records">Opens the ledger; names the session.</param>
/// <param name="known">The ledger with which the session read its index.</param>
/// <param name="rescue">Makes the snapshot's chunks safe.</param>
/// <param name="times">How long a fence lasts.</param>
/// <param name="omitted">For tests.</param>
internal sealed class SnapshotPublication(IObjectStore store, IProtocolRecords records, Ledger known, ISnapshotRescue rescue, CollectionTimes times, OmittedSteps omitted = OmittedSteps.None)
{
    private const int Rounds = 12;

    /// <summary>Whether a write was sent that may still take effect: then the session must not say that it has ended.</summary>
    public bool IsInDoubt { get; private set; }

    /// <summary>What the session has taken into account by now.</summary>
    public Ledger Known { get; private set; } = known;

    /// <summary>Runs it.</summary>
    /// <param name="write">Writes through the fence; may be called again.</param>
    /// <param name="isTrusted">Whether every chunk was asked of the index since the session began; if not, all are gone through in any case.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="SessionRevokedException">The session is dead.</exception>
    /// <exception cref="SnapshotAbandonedException">What it refers to is gone.</exception>
    public async Task ExecuteAsync(Func<IFence, Task> write, bool isTrusted, CancellationToken cancellationToken)
    {
        var isSafe = isTrusted || omitted.HasFlag(OmittedSteps.LookBeforeUnforget);
        for (var round = 0; round < Rounds; round++)
        {
            Ledger ledger;
            // 1. the fence
            await using (var fence = await store.OpenFenceAsync(FenceMode.Shared, times.FenceLifetime, cancellationToken))
            {
                // 2. the look; the own session last: if it stands now, no record that it had to see was removed before
                ledger = omitted.HasFlag(OmittedSteps.LookBeforePublish) ? Known : await Ledger.ReadAsync(store, records, Known, cancellationToken);
                ledger.RequireSound();
                if (!omitted.HasFlag(OmittedSteps.OwnSessionAtPublish)) await RequireOwnSessionAsync(store, records.Session, cancellationToken);
                if (isSafe && ledger.Entries.All(e => Known.Holds(e) || e.Packs.All(e.Absolved.Contains)))
                {
                    // 4. the write; what is sent again after no answer may come twice, and the second time when the snapshot was removed already
                    var isInDoubt = IsInDoubt;
                    IsInDoubt = true;
                    try
                    {
                        if (omitted.HasFlag(OmittedSteps.PublishFence)) await write(new HeldFence(store, null));
                        else await write(fence);
                        IsInDoubt = isInDoubt || fence.IsInDoubt;
                        return;
                    }
                    catch (FenceExpiredException)
                    {
                        IsInDoubt = isInDoubt || fence.IsInDoubt;
                        continue;
                    }
                }
            }

            // 3. what the look found new
            await rescue.RescueAsync(ledger, cancellationToken);
            Known = ledger;
            isSafe = true;
        }

        throw new SnapshotAbandonedException(Rounds);
    }

    /// <summary>A session whose announcement is gone, or which was declared dead, must not write what it decided on.</summary>
    internal static async Task RequireOwnSessionAsync(IObjectStore store, string session, CancellationToken cancellationToken)
    {
        if (await store.StatAsync(SessionState.RevokedKey(session), cancellationToken) is not null
            || await store.StatAsync(SessionState.AnnouncementKey(session), cancellationToken) is null) throw new SessionRevokedException(session);
    }
}
