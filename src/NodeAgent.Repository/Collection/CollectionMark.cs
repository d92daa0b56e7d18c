using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Collection;

/// <summary>
/// Which chunks are used, and which packs hold them. In memory are some bits for each chunk, what is known of packs, and what the walk remembers of pages; the ids of
/// many chunks (16 bytes each), and which pack keeps those that several have (four bytes), are in files that are mapped while it is alive.
/// </summary>
internal sealed class CollectionMark(ICollectedRepository repository, SegmentCatalog segments, CollectionTimes times, OmittedSteps omitted) : IDisposable
{
    private readonly ChunkCensus _census = repository.CreateCensus();
    private readonly HashSet<SnapshotId> _walked = [];
    private readonly Dictionary<PackId, int[]> _unnamed = [];
    private ChunkBits _used = new(0);
    private ChunkBits _held = new(0);
    private ScratchTable<int>? _keeper;

    public Dictionary<PackId, PackFacts> Packs { get; } = [];

    /// <summary>The snapshots that keep data.</summary>
    public int Snapshots { get; private set; }

    /// <summary>Reads packs and index, and goes through the snapshots.</summary>
    /// <exception cref="RepositoryException">The store failed, a temporary file found no room, or it cannot be told what is garbage.</exception>
    /// <param name="kept">The snapshots, listed before.</param>
    /// <param name="before">The sessions, listed before the snapshots.</param>
    /// <param name="ledger">Read before.</param>
    /// <param name="progress">Told of it.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task ExecuteAsync(
        IReadOnlyDictionary<string, SnapshotId> kept, IReadOnlyDictionary<string, SessionState> before, Ledger ledger, Action<CollectionStage, long, long> progress, CancellationToken cancellationToken)
    {
        try
        {
            await MarkAsync(kept, before, ledger, progress, cancellationToken);
        }
        catch (IOException exception)
        {
            // Stores have an exception of their own.
            throw new RepositoryException($"a temporary file for the ids of all chunks cannot be written ({exception.Message}): make room, or set XDG_CACHE_HOME to a place that has some; nothing was removed", exception);
        }
    }

    public void Dispose()
    {
        _census.Dispose();
        _keeper?.Dispose();
    }

    private async Task MarkAsync(
        IReadOnlyDictionary<string, SnapshotId> kept, IReadOnlyDictionary<string, SessionState> before, Ledger ledger, Action<CollectionStage, long, long> progress, CancellationToken cancellationToken)
    {
        var now = await repository.Store.GetTimeAsync(cancellationToken);
        foreach (var (pack, length) in await ListPacksAsync(cancellationToken)) Packs.Add(pack, new PackFacts(pack, length));
        var after = await SessionRoll.ReadAsync(repository.Store, cancellationToken);
        var condemned = ledger.CondemnedPacks();
        foreach (var pack in Packs.Values)
        {
            pack.IsCondemned = condemned.Contains(pack.Id);
            var session = pack.Id.Session.ToString("x16", System.Globalization.CultureInfo.InvariantCulture);
            pack.IsSpared = session == repository.Session || (!omitted.HasFlag(OmittedSteps.SpareRunning) && IsRunning(before.GetValueOrDefault(session), after.GetValueOrDefault(session), now));
        }

        progress(CollectionStage.Index, 0, 0);
        await segments.RefreshAsync(Count, (done, total) => progress(CollectionStage.Index, done, total), cancellationToken);
        foreach (var pack in segments.Current.SelectMany(s => s.Facts.Packs))
        {
            if (Packs.TryGetValue(pack, out var facts)) facts.IsNamed = true;
        }

        var unnamed = await ReadUnnamedAsync(cancellationToken);
        _census.Seal();
        _used = new ChunkBits(_census.Count);
        foreach (var pack in unnamed) _unnamed.Add(pack.Pack, [.. pack.Chunks.Select(c => _census.Find(c.Id))]);

        Snapshots = kept.Count;
        var done = 0;
        foreach (var (key, id) in kept)
        {
            await WalkAsync(key, id, isFirst: true, cancellationToken);
            progress(CollectionStage.Mark, ++done, kept.Count);
        }

        await MeasureAsync(cancellationToken);
        await RequireAllAsync(kept.Keys, cancellationToken);
    }

    /// <summary>Marks what snapshots use that came to be since. Chunks that were not there at the first mark are in none of the condemned packs.</summary>
    public async Task WalkNewAsync(IReadOnlyDictionary<string, SnapshotId> kept, CancellationToken cancellationToken)
    {
        foreach (var (key, id) in kept) await WalkAsync(key, id, isFirst: false, cancellationToken);
    }

    /// <summary>The packs that are to be repacked, each with the places of the chunks in it that must be copied.</summary>
    public async Task ForEachSurvivorAsync(Func<PackContents, IReadOnlyList<int>, Task> copy, CancellationToken cancellationToken)
    {
        var staying = new ChunkBits(_census.Count);
        var seen = new HashSet<PackId>();
        await segments.ForEachPackAsync(
            all: false, staying.Clear,
            pack =>
            {
                if (Packs.TryGetValue(pack.Pack, out var facts) && facts.Fate is PackFate.Keep or PackFate.Spare && !facts.IsCondemned) Set(staying, pack);
                return Task.CompletedTask;
            },
            cancellationToken);
        await segments.ForEachPackAsync(
            all: false, static () => { },
            async pack =>
            {
                if (!Packs.TryGetValue(pack.Pack, out var facts) || facts.Fate != PackFate.Repack || !seen.Add(pack.Pack)) return;
                var survivors = new List<int>();
                for (var i = 0; i < pack.Chunks.Count; i++)
                {
                    var chunk = _census.Find(pack.Chunks[i].Id);
                    if (!_used[chunk] || staying[chunk]) continue;
                    staying.Set(chunk);
                    survivors.Add(i);
                }

                await copy(pack, survivors);
            },
            cancellationToken);
    }

    /// <summary>Of condemned packs those that must be taken back: a chunk in them is used, and no other pack that stays holds it.</summary>
    /// <param name="own">Packs that the own session has condemned.</param>
    /// <param name="isSafe">Whether a pack is there, named, and condemned by nobody.</param>
    /// <param name="isCondemnedByOthers">Whether another record stands against a pack.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<HashSet<PackId>> FindNeededAsync(IReadOnlySet<PackId> own, Func<PackId, Task<bool>> isSafe, Func<PackId, bool> isCondemnedByOthers, CancellationToken cancellationToken)
    {
        var safe = new ChunkBits(_census.Count);
        var needed = new HashSet<PackId>();
        var seen = new HashSet<PackId>();
        await segments.ForEachPackAsync(
            all: false, safe.Clear,
            async pack =>
            {
                if (await isSafe(pack.Pack)) Set(safe, pack);
            },
            cancellationToken);
        // First those that count as soon as they are taken back. A condemned pack that no segment names any more was left out of the index by another collector: taken
        // back in place of one that is named, it would keep the chunk where nobody finds it. A replaced segment may still say what is in it.
        foreach (var all in (bool[])[false, true])
        {
            await segments.ForEachPackAsync(
                all, static () => { },
                pack =>
                {
                    if (own.Contains(pack.Pack) && seen.Add(pack.Pack)) Judge(pack.Pack, pack.Chunks.Select(c => _census.Find(c.Id)));
                    return Task.CompletedTask;
                },
                cancellationToken);
        }

        foreach (var pack in own.Where(seen.Add).Order(PackOrder.Instance))
        {
            if (_unnamed.TryGetValue(pack, out var chunks)) Judge(pack, chunks);
            else needed.Add(pack); // what is in it cannot be said any more
        }

        return needed;

        void Judge(PackId pack, IEnumerable<int> chunks)
        {
            var list = chunks.Where(c => c >= 0).ToList();
            if (!list.Exists(c => _used[c] && !safe[c])) return;
            needed.Add(pack);
            if (isCondemnedByOthers(pack)) return;
            foreach (var chunk in list) safe.Set(chunk);
        }
    }

    public async Task<Dictionary<PackId, long>> ListPacksAsync(CancellationToken cancellationToken)
    {
        var packs = new Dictionary<PackId, long>();
        await foreach (var entry in repository.Store.ListAsync(PackId.Prefix, cancellationToken))
        {
            if (PackId.TryParse(entry.Key, out var pack) && pack.Key == entry.Key) packs[pack] = entry.Length;
        }

        return packs;
    }

    private bool IsRunning(SessionState? before, SessionState? after, DateTimeOffset now)
    {
        // Begun since the first look: what it has published is not among the snapshots.
        if (before is null) return after is not null;
        var session = after ?? before;
        return before.Ended is null && (session.Ended is not null || now - session.Newest < times.Live);
    }

    private void Count(IndexSegment segment)
    {
        foreach (var pack in segment.Packs)
        {
            foreach (var chunk in pack.Chunks) _census.Add(chunk.Id);
        }
    }

    private void Set(ChunkBits bits, PackContents pack)
    {
        foreach (var chunk in pack.Chunks)
        {
            if (_census.Find(chunk.Id) is >= 0 and var found) bits.Set(found);
        }
    }

    /// <summary>Packs that no segment names, of runs that were stopped: a snapshot may come to use what is in them while they are being removed.</summary>
    private async Task<List<PackContents>> ReadUnnamedAsync(CancellationToken cancellationToken)
    {
        var unnamed = new List<PackContents>();
        foreach (var pack in Packs.Values.Where(p => !p.IsNamed && !p.IsSpared))
        {
            PackContents contents;
            try
            {
                contents = await repository.ReadPackAsync(pack.Id, pack.Size, cancellationToken);
            }
            catch (RepositoryFormatException)
            {
                // Nothing can be read from a pack without a footer that no index tells of.
                contents = new PackContents(pack.Id, pack.Size, []);
            }
            catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
            {
                continue;
            }

            unnamed.Add(contents);
            foreach (var chunk in contents.Chunks) _census.Add(chunk.Id);
        }

        return unnamed;
    }

    private async Task WalkAsync(string key, SnapshotId id, bool isFirst, CancellationToken cancellationToken)
    {
        if (!_walked.Add(id)) return;
        try
        {
            await foreach (var chunk in repository.ReferencesAsync(id, key, cancellationToken))
            {
                var found = _census.Find(chunk);
                if (found >= 0) _used.Set(found);
                else if (isFirst) throw Lost(chunk);
            }
        }
        catch (RepositoryException exception)
        {
            // Another collector removes a dropped snapshot's object before its data.
            if (await repository.Store.StatAsync(key, cancellationToken) is null) return;
            if (exception is CollectionRefusedException) throw;
            throw new CollectionRefusedException($"snapshot {id} cannot be gone through ({exception.Message}), so nobody can say what is garbage; run \"nodeagent repo check\", and repair or forget the snapshot", exception);
        }
    }

    private static CollectionRefusedException Lost(ChunkId chunk) =>
        new($"chunk {chunk} is used by a snapshot and no pack that is named by the index holds it; run \"nodeagent repo repair index\" first, and \"nodeagent repo check\" if that does not find it");

    /// <summary>How much of each pack is used. Of several packs that hold a chunk, all collectors choose the same one to keep it.</summary>
    private async Task MeasureAsync(CancellationToken cancellationToken)
    {
        var rank = 0;
        foreach (var pack in Packs.Values.OrderBy(p => p.IsCondemned).ThenBy(p => p.Id, PackOrder.Instance)) pack.Rank = rank++;
        await segments.ForEachPackAsync(
            all: false,
            () =>
            {
                _keeper?.Dispose();
                _keeper = null;
                _held = new ChunkBits(_census.Count);
            },
            pack =>
            {
                if (!Packs.TryGetValue(pack.Pack, out var facts)) return Task.CompletedTask;
                foreach (var chunk in pack.Chunks)
                {
                    if (_census.Find(chunk.Id) is not (>= 0 and var found) || !_used[found]) continue;
                    _held.Set(found);
                    // Few chunks are in several packs, as a rule in none; for the others there is nothing to choose.
                    if (!_census.IsRepeated(found)) continue;
                    _keeper ??= _census.CreateNumbers(int.MaxValue);
                    _keeper[found] = Math.Min(_keeper[found], facts.Rank);
                }

                return Task.CompletedTask;
            },
            cancellationToken);
        var seen = new HashSet<PackId>();
        await segments.ForEachPackAsync(
            all: false, seen.Clear,
            pack =>
            {
                if (!Packs.TryGetValue(pack.Pack, out var facts) || !seen.Add(pack.Pack)) return Task.CompletedTask;
                facts.ChunkBytes = pack.Chunks.Sum(c => (long)c.StoredLength);
                facts.LiveBytes = pack.Chunks.Where(c => _census.Find(c.Id) is >= 0 and var found && _used[found] && (!_census.IsRepeated(found) || _keeper?[found] == facts.Rank)).Sum(c => (long)c.StoredLength);
                return Task.CompletedTask;
            },
            cancellationToken);
        _keeper?.Dispose();
        _keeper = null;
    }

    /// <summary>A used chunk that no pack holds is lost. Packs that came to be since they were listed count too.</summary>
    private async Task RequireAllAsync(IEnumerable<string> snapshots, CancellationToken cancellationToken)
    {
        if (_held.HoldsAll(_used)) return;
        var missing = new Dictionary<PackId, bool>();
        await segments.ForEachPackAsync(
            all: false, static () => { },
            async pack =>
            {
                if (Packs.ContainsKey(pack.Pack)) return;
                if (!missing.TryGetValue(pack.Pack, out var there)) missing[pack.Pack] = there = await repository.Store.StatAsync(pack.Pack.Key, cancellationToken) is not null;
                if (!there) return;
                foreach (var chunk in pack.Chunks)
                {
                    if (_census.Find(chunk.Id) is >= 0 and var found) _held.Set(found);
                }
            },
            cancellationToken);
        if (_held.HoldsAll(_used)) return;
        foreach (var snapshot in snapshots)
        {
            if (await repository.Store.StatAsync(snapshot, cancellationToken) is null) throw new CollectionRefusedException("another collection removed snapshots meanwhile; run it again");
        }

        throw new CollectionRefusedException(
            "a snapshot uses chunks of packs that are missing, so what is left of them elsewhere must not be removed; run \"nodeagent repo repair index\" first, and \"nodeagent repo check\" if that does not help");
    }
}
