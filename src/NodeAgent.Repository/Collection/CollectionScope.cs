using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Collection;

/// <summary>What the stages of one collection share: the repository, the ways in which its session may write, and what is asked for.</summary>
internal sealed class CollectionScope(
    ICollectedRepository repository, CollectionOptions options, CollectionTimes times, IProgress<CollectionProgress>? progress, OmittedSteps omitted)
{
    /// <summary>Writes in a row that come too late before a collection gives up.</summary>
    public const int Rounds = 12;

    public ICollectedRepository Repository { get; } = repository;

    public IObjectStore Store => Repository.Store;

    public CollectionOptions Options { get; } = options;

    public CollectionTimes Times { get; } = times;

    public OmittedSteps Omitted { get; } = omitted;

    /// <summary>How long ago a snapshot must have been forgotten.</summary>
    public TimeSpan Grace => Options.ForgetGrace ?? Times.ForgetGrace;

    /// <summary>Whether something that was sent may still take effect: then the session must not say that it has ended.</summary>
    public bool IsInDoubt { get; private set; }

    public bool Omits(OmittedSteps step) => Omitted.HasFlag(step);

    public void Report(CollectionProgress value) => progress?.Report(value);

    public Task<Ledger> ReadLedgerAsync(Ledger? earlier, CancellationToken cancellationToken) => Ledger.ReadAsync(Store, Repository, earlier, cancellationToken);

    public async Task WriteAsync(CollectionRecord record, CancellationToken cancellationToken) =>
        await Store.PutAsync(record.KeyFor(Repository.Session), Repository.Seal(record), cancellationToken);

    /// <summary>A fence, and the certainty that the own session stands: then the own records do.</summary>
    /// <param name="unfenced">The step that is left out when there is to be no fence; for tests.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<IFence> OpenOwnFenceAsync(OmittedSteps unfenced, CancellationToken cancellationToken)
    {
        var fence = await Store.OpenFenceAsync(FenceMode.Shared, Times.FenceLifetime, cancellationToken);
        try
        {
            if (!Omits(OmittedSteps.OwnSessionAtDelete)) await SnapshotPublication.RequireOwnSessionAsync(Store, Repository.Session, cancellationToken);
        }
        catch
        {
            await fence.DisposeAsync();
            throw;
        }

        if (!Omits(unfenced)) return fence;
        await fence.DisposeAsync();
        return new HeldFence(Store, null);
    }

    /// <summary>Sends through a fence what was decided on under it.</summary>
    public async Task<T> DecideAsync<T>(IFence fence, Func<ValueTask<T>> write)
    {
        var before = IsInDoubt;
        IsInDoubt = true;
        try
        {
            var result = await write();
            // It is done; that it comes a second time changes nothing.
            IsInDoubt = before;
            return result;
        }
        catch (FenceExpiredException)
        {
            IsInDoubt = before || fence.IsInDoubt;
            throw;
        }
    }
}
