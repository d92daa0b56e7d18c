using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Tests.Index;

/// <summary>What an index must answer, kept in dictionaries.</summary>
internal sealed class IndexModel
{
    private readonly Dictionary<PackId, PackStanding> _standings = [];
    private readonly Dictionary<ChunkId, List<ChunkLocation>> _chunks = [];

    public IReadOnlyCollection<ChunkId> Chunks => _chunks.Keys;

    public IReadOnlyCollection<PackId> Packs => _standings.Keys;

    public void Add(PackContents pack, PackStanding standing)
    {
        if (!_standings.TryAdd(pack.Pack, standing))
        {
            if (standing == PackStanding.Named && _standings[pack.Pack] == PackStanding.Unnamed) _standings[pack.Pack] = standing;
            return;
        }

        long offset = ObjectHeader.Length;
        foreach (var chunk in pack.Chunks)
        {
            if (!_chunks.TryGetValue(chunk.Id, out var locations)) _chunks.Add(chunk.Id, locations = []);
            locations.Add(new ChunkLocation(pack.Pack, offset, chunk.StoredLength, chunk.PlainLength, chunk.Kind));
            offset += chunk.StoredLength;
        }
    }

    public void SetStanding(PackId pack, PackStanding standing)
    {
        if (_standings.ContainsKey(pack)) _standings[pack] = standing;
    }

    /// <summary>Asserts that the index says of this chunk what it must.</summary>
    public void AssertKnows(ChunkIndex index, ChunkId id)
    {
        var expected = _chunks.GetValueOrDefault(id) ?? [];
        Assert.Equal(expected.Exists(l => _standings[l.Pack] == PackStanding.Named), index.Contains(id));
        Assert.Equal(expected.Count > 0, index.TryFind(id, out var best));
        if (expected.Count > 0)
        {
            Assert.Contains(best, expected);
            Assert.Equal(expected.Min(l => _standings[l.Pack]), _standings[best.Pack]);
        }

        var all = index.FindAll(id);
        Assert.Equal(expected.Order(ByPlace), all.Select(l => l.Location).Order(ByPlace));
        Assert.All(all, l => Assert.Equal(_standings[l.Location.Pack], l.Standing));
        Assert.Equal(expected.Count > 0, index.TryGetOrdinal(id, out _));
    }

    /// <summary>Asserts that the index as a whole is this one.</summary>
    public void AssertEqual(ChunkIndex index)
    {
        Assert.Equal(_chunks.Count, index.Count);
        foreach (var id in _chunks.Keys) AssertKnows(index, id);

        var packs = index.EnumeratePacks().ToList();
        Assert.Equal(_standings.Order(ByPack), packs.Select(p => KeyValuePair.Create(p.Pack, p.Standing)).Order(ByPack));
        Assert.All(packs, p => Assert.InRange(p.Ordinal, 0, index.PackOrdinalLimit - 1));
        Assert.Equal(packs.Count, packs.Select(p => p.Ordinal).Distinct().Count());
        foreach (var (pack, standing) in _standings) Assert.Equal(standing, index.StandingOf(pack));

        var seen = new HashSet<ChunkId>();
        var ordinals = new HashSet<long>();
        var byOrdinal = packs.ToDictionary(p => p.Ordinal, p => p.Pack);
        foreach (var chunk in index.EnumerateChunks())
        {
            Assert.True(seen.Add(chunk.Id), $"chunk {chunk.Id} was given twice");
            Assert.True(ordinals.Add(chunk.Ordinal));
            Assert.InRange(chunk.Ordinal, 0, index.OrdinalLimit - 1);
            Assert.True(index.TryGetOrdinal(chunk.Id, out var ordinal));
            Assert.Equal(chunk.Ordinal, ordinal);
            Assert.Equal(_chunks[chunk.Id].Order(ByPlace), chunk.Locations.Select(l => l.Location).Order(ByPlace));
            Assert.All(chunk.Locations, l => Assert.Equal(l.Location.Pack, byOrdinal[l.PackOrdinal]));
        }

        Assert.Equal(_chunks.Count, seen.Count);
        var named = _chunks.Values.Select(l => l.Find(x => _standings[x.Pack] == PackStanding.Named)).Where(l => l.StoredLength > 0).ToList();
        var sum = index.Sum();
        Assert.Equal(_standings.Values.Count(s => s == PackStanding.Named), sum.Packs);
        Assert.Equal(named.Count, sum.Chunks);
    }

    private static readonly Comparer<ChunkLocation> ByPlace = Comparer<ChunkLocation>.Create((a, b) =>
        (a.Pack.Session, a.Pack.Hash, a.Offset).CompareTo((b.Pack.Session, b.Pack.Hash, b.Offset)));

    private static readonly Comparer<KeyValuePair<PackId, PackStanding>> ByPack = Comparer<KeyValuePair<PackId, PackStanding>>.Create((a, b) =>
        (a.Key.Session, a.Key.Hash).CompareTo((b.Key.Session, b.Key.Hash)));
}
