using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>One backup: begin, store what is not there, index it, publish. A steady one does nothing else, and stores all in one pack.</summary>
internal sealed class SimulatedBackup(SimulatedStore store, SimulatedIndex index, IReadOnlyList<ChunkId> wanted, OmittedSteps omitted, bool isSteady = false) : ISnapshotRescue
{
    private readonly SimulatedRecords _records = new(store, store.State.NewSession());
    private readonly List<PackContents> _unindexed = [];

    /// <summary>The snapshot, once it is published.</summary>
    public SnapshotId Snapshot { get; private set; }

    public async Task ExecuteAsync()
    {
        var world = store.State.World;
        var life = new SessionLife(store, _records, omitted);
        var known = await life.BeginAsync(SimulatedRecords.Announcement, null, ledger => index.ReadAsync(_records, ledger), CancellationToken.None);
        SnapshotPublication? publication = null;
        try
        {
            await StoreAsync(wanted.Where(c => !index.Contains(c)));
            // One that is cancelled leaves chunks that are indexed and that nothing uses, for others to build on.
            if (!isSteady && world.Chance(0.2)) return;
            if (!isSteady && world.Chance(0.2)) await life.BeatAsync(SimulatedRecords.Announcement, CancellationToken.None);
            var id = store.State.NewHash();
            var body = store.State.Seal(new SimulatedSnapshot(wanted));
            publication = new SnapshotPublication(store, _records, known, this, CollectionTimes.Default, omitted);
            await publication.ExecuteAsync(async fence => await fence.PutAsync($"snap/t-{id}", body, CancellationToken.None), isTrusted: true, CancellationToken.None);
            Snapshot = new SnapshotId(id);
        }
        finally
        {
            if (publication?.IsInDoubt != true || omitted.HasFlag(OmittedSteps.EndAfterOutcome)) await life.EndAsync(SimulatedRecords.Announcement, CancellationToken.None);
        }
    }

    public async Task RescueAsync(Ledger ledger, CancellationToken cancellationToken)
    {
        await index.ReadAsync(_records, ledger);
        var lost = wanted.Where(c => !index.Contains(c)).ToList();
        foreach (var chunk in lost)
        {
            if (!await TryReadAsync(chunk)) throw new SnapshotAbandonedException("chunk", new ChunkNotFoundException(chunk));
        }

        await StoreAsync(lost);
    }

    private async Task<bool> TryReadAsync(ChunkId chunk)
    {
        foreach (var pack in index.PlacesOf(chunk).ToList())
        {
            if (await store.StatAsync(pack.Key, CancellationToken.None) is not null) return true;
        }

        return false;
    }

    private async Task StoreAsync(IEnumerable<ChunkId> chunks)
    {
        foreach (var part in chunks.ToList().Chunk(isSteady ? 100 : store.State.World.Random.Next(1, 4)))
        {
            _unindexed.Add(await _records.PutPackAsync(part));
            if (!isSteady && store.State.World.Chance(0.3)) await IndexAsync();
        }

        await IndexAsync();
    }

    private async Task IndexAsync()
    {
        if (_unindexed.Count == 0) return;
        await _records.PutSegmentAsync([.. _unindexed]);
        foreach (var pack in _unindexed) index.Add(pack);
        _unindexed.Clear();
    }
}
