using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Index;

/// <summary>
/// Where every chunk is: all its locations, each as good as the standing of its pack. Matched exactly by the first 20 bytes of
/// the id. Thread-safe.
/// </summary>
internal sealed class ChunkIndex
{
    /// <summary>Bytes of an id that the index keeps: two among 2^37 chunks are equal with probability 2^-87.</summary>
    public const int PrefixLength = 20;

    private readonly Lock _gate = new();
    private readonly RecentChunks _recent = new();

    /// <summary>Distinct chunks.</summary>
    public long Count
    {
        get
        {
            lock (_gate) return _recent.ChunkCount;
        }
    }

    /// <summary>Above every <see cref="IndexedChunk.Ordinal"/> so far.</summary>
    public long OrdinalLimit
    {
        get
        {
            lock (_gate) return _recent.EntryCount;
        }
    }

    /// <summary>Above every <see cref="IndexedPack.Ordinal"/> so far.</summary>
    public int PackOrdinalLimit
    {
        get
        {
            lock (_gate) return _recent.Packs.Count;
        }
    }

    /// <summary>Counts and sums over all chunks that are there for good.</summary>
    public RepositoryStatistics Sum()
    {
        long chunks = 0, plain = 0, stored = 0;
        foreach (var chunk in EnumerateChunks())
        {
            foreach (var location in chunk.Locations)
            {
                if (location.Standing != PackStanding.Named) continue;
                chunks++;
                plain += location.Location.PlainLength;
                stored += location.Location.StoredLength;
                break;
            }
        }

        return new RepositoryStatistics(EnumeratePacks().LongCount(p => p.Standing == PackStanding.Named), chunks, plain, stored);
    }

    /// <summary>
    /// Adds a pack's chunks. A pack that is known keeps its standing, but for one that only its own footer told of and that a segment names now.
    /// </summary>
    public void Add(PackContents contents, PackStanding standing = PackStanding.Named)
    {
        lock (_gate)
        {
            if (!_recent.TryGetPack(contents.Pack, out var ordinal)) _recent.Add(contents, standing, static _ => { });
            else if (standing == PackStanding.Named && _recent.StandingOf(ordinal) == PackStanding.Unnamed) _recent.SetStanding(ordinal, standing);
        }
    }

    public bool Knows(PackId pack) => StandingOf(pack) is not null;

    /// <summary>Whether the pack was missing or cut short when that was last looked at.</summary>
    public bool IsLost(PackId pack) => StandingOf(pack) == PackStanding.Lost;

    /// <summary>How far a pack can be relied on; null when the index does not know it.</summary>
    public PackStanding? StandingOf(PackId pack)
    {
        lock (_gate) return _recent.TryGetPack(pack, out var ordinal) ? _recent.StandingOf(ordinal) : null;
    }

    /// <summary>Changes how far a pack can be relied on, and with it every chunk that it holds. A pack that is not known is passed over.</summary>
    public void SetStanding(PackId pack, PackStanding standing)
    {
        lock (_gate)
        {
            if (_recent.TryGetPack(pack, out var ordinal)) _recent.SetStanding(ordinal, standing);
        }
    }

    /// <summary>Whether a chunk is there for good: in a pack that the index names and that is neither lost nor condemned.</summary>
    public bool Contains(ChunkId id)
    {
        lock (_gate)
        {
            for (var entry = _recent.Find(ChunkPrefix.Of(id)); entry >= 0; entry = _recent.Next(entry))
            {
                if (_recent.StandingOf(_recent.PackOf(entry)) == PackStanding.Named) return true;
            }

            return false;
        }
    }

    /// <summary>The best place of a chunk; also when its pack is lost or only the pack itself names it.</summary>
    public bool TryFind(ChunkId id, out ChunkLocation location)
    {
        lock (_gate)
        {
            var best = -1;
            for (var entry = _recent.Find(ChunkPrefix.Of(id)); entry >= 0; entry = _recent.Next(entry))
            {
                if (best < 0 || _recent.StandingOf(_recent.PackOf(entry)) < _recent.StandingOf(_recent.PackOf(best))) best = entry;
            }

            location = best < 0 ? default : _recent.LocationOf(best);
            return best >= 0;
        }
    }

    /// <summary>All places of a chunk, in no order.</summary>
    public IReadOnlyList<IndexedLocation> FindAll(ChunkId id)
    {
        var locations = new List<IndexedLocation>();
        lock (_gate) AddRecentLocations(_recent.Find(ChunkPrefix.Of(id)), locations);
        return locations;
    }

    /// <summary>The number of a chunk, for a bitmap over all chunks.</summary>
    public bool TryGetOrdinal(ChunkId id, out long ordinal)
    {
        lock (_gate) ordinal = _recent.Find(ChunkPrefix.Of(id));
        return ordinal >= 0;
    }

    /// <summary>All packs that are known now, in the order of their ordinals.</summary>
    public IEnumerable<IndexedPack> EnumeratePacks()
    {
        for (var i = 0; ; i++)
        {
            RecentPack pack;
            lock (_gate)
            {
                if (i == _recent.Packs.Count) yield break;
                pack = _recent.Packs[i];
            }

            yield return new IndexedPack(i, pack.Pack, pack.Size, pack.Count, pack.Standing);
        }
    }

    /// <summary>All chunks that are known now, each once with all its locations, in the order of their ordinals. Uses no memory to speak of.</summary>
    public IEnumerable<IndexedChunk> EnumerateChunks()
    {
        var locations = new List<IndexedLocation>();
        for (var i = 0; ; i++)
        {
            ChunkPrefix id;
            lock (_gate)
            {
                if (i >= _recent.EntryCount) yield break;
                if (!_recent.IsFirst(i)) continue;
                id = _recent.IdOf(i);
                locations.Clear();
                AddRecentLocations(i, locations);
            }

            yield return new IndexedChunk(i, id.ToId(), locations);
        }
    }

    private void AddRecentLocations(int entry, List<IndexedLocation> locations)
    {
        for (; entry >= 0; entry = _recent.Next(entry))
        {
            var pack = _recent.PackOf(entry);
            locations.Add(new IndexedLocation(_recent.LocationOf(entry), pack, _recent.StandingOf(pack)));
        }
    }
}
