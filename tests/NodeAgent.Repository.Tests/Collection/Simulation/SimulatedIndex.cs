using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>The index of a long-lived process: segments that were read stay known, standings are found anew when a session begins.</summary>
internal sealed class SimulatedIndex(SimulatedStore store)
{
    private readonly Dictionary<string, IndexSegment> _segments = [];
    private readonly Dictionary<PackId, PackContents> _packs = [];
    private readonly HashSet<PackId> _standing = [];

    /// <summary>The packs, then the segments.</summary>
    public async Task ReadAsync(SimulatedRecords records, Ledger ledger)
    {
        var there = new HashSet<PackId>();
        await foreach (var entry in store.ListAsync(PackId.Prefix, CancellationToken.None))
        {
            if (PackId.TryParse(entry.Key, out var pack)) there.Add(pack);
        }

        var keys = new List<string>();
        for (var again = true; again;)
        {
            again = false;
            keys.Clear();
            await foreach (var entry in store.ListAsync(IndexSegment.Prefix, CancellationToken.None)) keys.Add(entry.Key);
            try
            {
                foreach (var key in keys)
                {
                    if (!_segments.ContainsKey(key)) _segments.Add(key, await records.ReadSegmentAsync(key, CancellationToken.None));
                }
            }
            catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
            {
                again = true;
            }
        }

        var superseded = keys.SelectMany(k => _segments[k].Superseded).ToHashSet();
        _standing.Clear();
        foreach (var key in keys)
        {
            foreach (var pack in _segments[key].Packs)
            {
                _packs.TryAdd(pack.Pack, pack);
                if (!superseded.Contains(SimulatedState.HashOf(key)) && there.Contains(pack.Pack) && !ledger.IsCondemned(pack.Pack)) _standing.Add(pack.Pack);
            }
        }
    }

    public bool Contains(ChunkId chunk) => _standing.Any(p => _packs[p].Chunks.Any(c => c.Id == chunk));

    public IEnumerable<PackId> PlacesOf(ChunkId chunk) => _packs.Values.Where(p => p.Chunks.Any(c => c.Id == chunk)).Select(p => p.Pack);

    public void Add(PackContents pack)
    {
        _packs[pack.Pack] = pack;
        _standing.Add(pack.Pack);
    }
}
