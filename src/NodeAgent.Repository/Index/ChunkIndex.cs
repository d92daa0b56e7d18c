using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Index;

/// <summary>
/// Where every chunk is: all its locations, each as good as the standing of its pack. Matched exactly by the first 20 bytes of
/// the id. A small index is in memory; the settled part of a large one is a base in a file, and what came since is in memory beside it.
/// Thread-safe.
/// </summary>
/// <remarks>
/// When the base turns out to be damaged, <see cref="Contains"/> answers no for what is in it, which costs bytes and never data, the others throw
/// <see cref="IndexCacheDamagedException"/>, and <see cref="NeedsBase"/> tells that it has to be made again.
/// </remarks>
/// <param name="onSession">Told of a session before a chunk that it sealed is located in the base.</param>
internal sealed class ChunkIndex(Action<SessionIdentity>? onSession = null)
{
    /// <summary>Bytes of an id that the index keeps: two among 2^37 chunks are equal with probability 2^-87.</summary>
    public const int PrefixLength = 20;

    private readonly Lock _gate = new();
    private RecentChunks _recent = new();
    private IndexBase? _base;
    private long _onlyRecent;
    private int _holds;

    /// <summary>Distinct chunks.</summary>
    public long Count
    {
        get
        {
            lock (_gate) return _onlyRecent + (_base?.ChunkCount ?? 0);
        }
    }

    /// <summary>Locations that are in memory.</summary>
    public int RecentCount
    {
        get
        {
            lock (_gate) return _recent.EntryCount;
        }
    }

    /// <summary>The part that is in a file, if there is one.</summary>
    public IndexBase? Base
    {
        get
        {
            lock (_gate) return _base;
        }
    }

    /// <summary>Whether the base is damaged and has to be made again.</summary>
    public bool NeedsBase => Base is { IsDamaged: true };

    /// <summary>Whether someone relies on ordinals, so that the base must stay.</summary>
    public bool HoldsOrdinals
    {
        get
        {
            lock (_gate) return _holds > 0;
        }
    }

    /// <summary>Above every <see cref="IndexedChunk.Ordinal"/> so far.</summary>
    public long OrdinalLimit
    {
        get
        {
            lock (_gate) return _recent.EntryCount + (_base?.EntryCount ?? 0);
        }
    }

    /// <summary>Above every <see cref="IndexedPack.Ordinal"/> so far.</summary>
    public int PackOrdinalLimit
    {
        get
        {
            lock (_gate) return _recent.Packs.Count + (_base?.RowCount ?? 0);
        }
    }

    /// <summary>Keeps the ordinals of chunks and packs as they are until the result is disposed: no base is made meanwhile. More may be added.</summary>
    public IDisposable HoldOrdinals()
    {
        lock (_gate) _holds++;
        return new OrdinalHold(() =>
        {
            lock (_gate) _holds--;
        });
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
            if (TryFindInBase(contents.Pack, out var row))
            {
                if (standing == PackStanding.Named && _base!.StandingOf(row) == PackStanding.Unnamed) _base.SetStanding(row, standing);
                return;
            }

            if (!_recent.TryGetPack(contents.Pack, out var ordinal)) _recent.Add(contents, standing, CountNew);
            else if (standing == PackStanding.Named && _recent.StandingOf(ordinal) == PackStanding.Unnamed) _recent.SetStanding(ordinal, standing);
        }
    }

    /// <summary>
    /// Takes a base, or does without one from here on. Packs that are in it leave memory, and keep their standing; the others of the base are lost
    /// until <see cref="Confirm"/> says that they are there.
    /// </summary>
    public void ReplaceBase(IndexBase? added)
    {
        lock (_gate)
        {
            var (before, recent) = (_base, _recent);
            added?.SetStandings(PackStanding.Lost);
            (_base, _recent, _onlyRecent) = (added, new RecentChunks(), 0);
            for (var i = 0; i < recent.Packs.Count; i++)
            {
                var pack = recent.Packs[i];
                // A segment names it now.
                if (added is not null && added.TryFindPack(pack.Pack, out var row)) added.SetStanding(row, pack.Standing == PackStanding.Unnamed ? PackStanding.Named : pack.Standing);
                else _recent.CopyPack(recent, i, CountNew);
            }

            if (before is null or { IsDamaged: true } || added is null) return;
            for (var row = 0; row < added.RowCount; row++)
            {
                var found = added.RowAt(row);
                if (!found.Continues && !found.IsRepeated && before.TryFindPack(found.Pack, out var old)) added.SetStanding(row, before.StandingOf(old) is PackStanding.Unnamed ? PackStanding.Named : before.StandingOf(old));
            }
        }
    }

    /// <summary>Tells that a pack is in the store. One that counts as lost no longer does if it is whole.</summary>
    public void Confirm(PackId pack, long length, PackStanding standing = PackStanding.Named)
    {
        lock (_gate)
        {
            if (_recent.TryGetPack(pack, out var ordinal))
            {
                if (_recent.StandingOf(ordinal) == PackStanding.Lost && _recent.Packs[ordinal].Size == length) _recent.SetStanding(ordinal, standing);
            }
            else if (TryFindInBase(pack, out var row) && _base!.StandingOf(row) == PackStanding.Lost && _base.RowAt(row).Size == length)
            {
                _base.SetStanding(row, standing);
            }
        }
    }

    /// <summary>The number of a pack, as in <see cref="IndexedPack.Ordinal"/>, and its length; false when the index does not know it.</summary>
    public bool TryGetPack(PackId pack, out int ordinal, out long size)
    {
        lock (_gate)
        {
            if (_recent.TryGetPack(pack, out ordinal))
            {
                size = _recent.Packs[ordinal].Size;
                ordinal += _base?.RowCount ?? 0;
                return true;
            }

            var isFound = TryFindInBase(pack, out ordinal);
            size = isFound ? _base!.RowAt(ordinal).Size : 0;
            return isFound;
        }
    }

    public bool Knows(PackId pack) => StandingOf(pack) is not null;

    /// <summary>Whether the pack was missing or cut short when that was last looked at.</summary>
    public bool IsLost(PackId pack) => StandingOf(pack) == PackStanding.Lost;

    /// <summary>How far a pack can be relied on; null when the index does not know it.</summary>
    public PackStanding? StandingOf(PackId pack)
    {
        lock (_gate)
        {
            if (_recent.TryGetPack(pack, out var ordinal)) return _recent.StandingOf(ordinal);
            return TryFindInBase(pack, out var row) ? _base!.StandingOf(row) : null;
        }
    }

    /// <summary>Changes how far a pack can be relied on, and with it every chunk that it holds. A pack that is not known is passed over.</summary>
    public void SetStanding(PackId pack, PackStanding standing)
    {
        lock (_gate)
        {
            if (_recent.TryGetPack(pack, out var ordinal)) _recent.SetStanding(ordinal, standing);
            else if (TryFindInBase(pack, out var row)) _base!.SetStanding(row, standing);
        }
    }

    /// <summary>Whether a chunk is there for good: in a pack that the index names and that is neither lost nor condemned.</summary>
    public bool Contains(ChunkId id)
    {
        var prefix = ChunkPrefix.Of(id);
        IndexBase? settled;
        lock (_gate)
        {
            for (var entry = _recent.Find(prefix); entry >= 0; entry = _recent.Next(entry))
            {
                if (_recent.StandingOf(_recent.PackOf(entry)) == PackStanding.Named) return true;
            }

            settled = _base;
        }

        // Outside the lock: the base is not changed, and a page of it may have to come from the disk.
        if (settled is null or { IsDamaged: true }) return false;
        try
        {
            var (first, count) = settled.Find(prefix);
            for (var i = 0; i < count; i++)
            {
                if (settled.StandingOf(settled.EntryAt(first + i).Row) == PackStanding.Named) return true;
            }

            return false;
        }
        catch (IndexCacheDamagedException)
        {
            return false;
        }
    }

    /// <summary>The best place of a chunk; also when its pack is lost or only the pack itself names it.</summary>
    public bool TryFind(ChunkId id, out ChunkLocation location)
    {
        var prefix = ChunkPrefix.Of(id);
        IndexBase? settled;
        var best = (PackStanding)int.MaxValue;
        location = default;
        lock (_gate)
        {
            for (var entry = _recent.Find(prefix); entry >= 0; entry = _recent.Next(entry))
            {
                if (_recent.StandingOf(_recent.PackOf(entry)) is var standing && standing >= best) continue;
                best = standing;
                location = _recent.LocationOf(entry);
            }

            settled = _base;
        }

        if (settled is null || best == PackStanding.Named) return location.StoredLength > 0;
        var (first, count) = settled.Find(prefix);
        for (var i = 0; i < count; i++)
        {
            var (row, slot) = settled.EntryAt(first + i);
            if (settled.StandingOf(row) is var standing && standing >= best) continue;
            best = standing;
            TellSession(settled, row);
            location = settled.LocationOf(row, slot);
        }

        return location.StoredLength > 0;
    }

    /// <summary>All places of a chunk, in no order.</summary>
    public IReadOnlyList<IndexedLocation> FindAll(ChunkId id)
    {
        var prefix = ChunkPrefix.Of(id);
        var locations = new List<IndexedLocation>();
        IndexBase? settled;
        lock (_gate)
        {
            settled = _base;
            AddRecentLocations(_recent.Find(prefix), locations);
        }

        if (settled is null) return locations;
        var (first, count) = settled.Find(prefix);
        for (var i = 0; i < count; i++)
        {
            var (row, slot) = settled.EntryAt(first + i);
            TellSession(settled, row);
            locations.Add(LocationIn(settled, row, slot));
        }

        return locations;
    }

    /// <summary>The number of a chunk, for a bitmap over all chunks.</summary>
    public bool TryGetOrdinal(ChunkId id, out long ordinal)
    {
        var prefix = ChunkPrefix.Of(id);
        IndexBase? settled;
        lock (_gate)
        {
            settled = _base;
            ordinal = _recent.Find(prefix);
        }

        if (settled is null) return ordinal >= 0;
        var (first, count) = settled.Find(prefix);
        if (count > 0) ordinal = first;
        else if (ordinal >= 0) ordinal += settled.EntryCount;
        return ordinal >= 0;
    }

    /// <summary>All packs that are known now, in the order of their ordinals. Uses no memory to speak of.</summary>
    public IEnumerable<IndexedPack> EnumeratePacks()
    {
        var settled = Base;
        for (var row = 0; row < settled?.RowCount;)
        {
            var first = settled.RowAt(row);
            var chunks = first.Count;
            var ordinal = row++;
            for (; row < settled.RowCount && settled.RowAt(row) is { Continues: true } more; row++) chunks += more.Count;
            if (!first.IsRepeated) yield return new IndexedPack(ordinal, first.Pack, first.Size, chunks, settled.StandingOf(ordinal));
        }

        for (var i = 0; ; i++)
        {
            RecentPack pack;
            lock (_gate)
            {
                if (i >= _recent.Packs.Count) yield break;
                pack = _recent.Packs[i];
            }

            yield return new IndexedPack(i + (settled?.RowCount ?? 0), pack.Pack, pack.Size, pack.Count, pack.Standing);
        }
    }

    /// <summary>All chunks that are known now, each once with all its locations, in the order of their ordinals. Uses no memory to speak of.</summary>
    public IEnumerable<IndexedChunk> EnumerateChunks()
    {
        var locations = new List<IndexedLocation>();
        var settled = Base;
        if (settled is not null)
        {
            long first = 0;
            ChunkPrefix? current = null;
            for (var partition = 0; partition < PartitionedSpill.Partitions; partition++)
            {
                foreach (var (position, entry) in settled.EnumerateEntries(partition))
                {
                    if (entry.Id != current)
                    {
                        if (current is { } complete) yield return Complete(complete, first);
                        (first, current) = (position, entry.Id);
                        locations.Clear();
                    }

                    locations.Add(LocationIn(settled, entry.Row, entry.Slot));
                }
            }

            if (current is { } last) yield return Complete(last, first);
        }

        for (var i = 0; ; i++)
        {
            ChunkPrefix id;
            lock (_gate)
            {
                if (i >= _recent.EntryCount) yield break;
                if (!_recent.IsFirst(i)) continue;
                id = _recent.IdOf(i);
                if (settled?.Find(id).Count > 0) continue;
                locations.Clear();
                AddRecentLocations(i, locations);
            }

            yield return new IndexedChunk(i + (settled?.EntryCount ?? 0), id.ToId(), locations);
        }

        IndexedChunk Complete(ChunkPrefix id, long ordinal)
        {
            lock (_gate) AddRecentLocations(_recent.Find(id), locations);
            return new IndexedChunk(ordinal, id.ToId(), locations);
        }
    }

    private void CountNew(ChunkPrefix id)
    {
        try
        {
            if (_base is null || _base.Find(id).Count == 0) _onlyRecent++;
        }
        catch (IndexCacheDamagedException)
        {
            _onlyRecent++;
        }
    }

    private bool TryFindInBase(PackId pack, out int row)
    {
        row = -1;
        try
        {
            return _base is { IsDamaged: false } && _base.TryFindPack(pack, out row);
        }
        catch (IndexCacheDamagedException)
        {
            return false;
        }
    }

    private void TellSession(IndexBase settled, int row)
    {
        if (settled.TakeUntoldSession(row) is not { } session) return;
        onSession?.Invoke(session);
        settled.MarkSessionTold(row);
    }

    private static IndexedLocation LocationIn(IndexBase settled, int row, int slot)
    {
        var first = settled.FirstRowOf(row);
        return new IndexedLocation(settled.LocationOf(row, slot), first, settled.StandingOf(first));
    }

    private void AddRecentLocations(int entry, List<IndexedLocation> locations)
    {
        for (; entry >= 0; entry = _recent.Next(entry))
        {
            var pack = _recent.PackOf(entry);
            locations.Add(new IndexedLocation(_recent.LocationOf(entry), pack + (_base?.RowCount ?? 0), _recent.StandingOf(pack)));
        }
    }
}
