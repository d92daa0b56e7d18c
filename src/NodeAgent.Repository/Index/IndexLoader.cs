using System.Collections.Concurrent;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Index;

/// <summary>
/// Brings a repository's index up to what the store lists:
/// 1. the segments are listed, the newest first, so that one that replaces others is met before these;
/// 2. the base that an earlier run left is taken, unless segments that it covers are gone;
/// 3. what is not in it is read: into memory when that is little, else into a new base that goes on from the old one;
/// 4. packs that the index did not know are looked for in the store: one that is missing or cut short counts as lost.
/// 5. packs that are named no more, since the segments that named them were replaced by others that do not, are noted as left out.
/// A segment that is gone when it is read was replaced after the listing: it begins anew with 1. One call at a time.
/// </summary>
internal sealed class IndexLoader(ChunkRepository repository, IndexCache cache, RepositoryOpenOptions options)
{
    /// <summary>Plain bytes of a segment for each chunk of it; what is stored is a little less, so that estimates err towards few.</summary>
    private const int BytesPerChunk = 31;

    private const int MaxRounds = 5;
    private const int ReadersAtOnce = 8;
    private const int ReadAheadBytes = 8 << 20;

    // With more unknown packs than this, one listing of all is cheaper than asking for each.
    private const int MaxQuestions = 1000;

    // The segments that are in the index, each with the packs that it names; null for those of the base, whose rows say so.
    private readonly ConcurrentDictionary<string, IReadOnlyList<PackId>?> _known = new();
    private readonly ConcurrentDictionary<string, RepositoryFormatException> _damaged = new();
    private readonly ConcurrentDictionary<ChunkId, ChunkId> _replacedBy = new();

    // Learned as lost, and not looked for in the store yet: a refresh that fails leaves them to the next.
    private readonly List<PackId> _unconfirmed = [];

    // Packs that a segment named which no longer counts, and that no segment names which does.
    private readonly HashSet<PackId> _leftOut = [];
    private IndexBase? _found;
    private bool _triedCache;
    private bool _hasNoPlace;

    /// <summary>Segments that could not be read.</summary>
    public IReadOnlyCollection<RepositoryFormatException> Damaged => [.. _damaged.Values];

    /// <summary>Whether no segment was read, nor is any in the base.</summary>
    public bool IsEmpty => _known.IsEmpty;

    /// <summary>Whether so much is in memory that a base is due. Only asks for what a session adds itself.</summary>
    public bool IsBaseDue => !_hasNoPlace && !repository.Index.HoldsOrdinals && repository.Index.RecentCount >= options.IndexCacheLimits.Most;

    /// <summary>Notes a segment whose content is in the index already.</summary>
    public void Note(string key, IReadOnlyList<PackId> packs) => _known.TryAdd(key, packs);

    /// <summary>
    /// Packs that the index knows and that no segment names any more which counts: a collection has left them out. They may be there still, when it was
    /// stopped before it deleted them.
    /// </summary>
    public IReadOnlySet<PackId> LeftOut => _leftOut;

    /// <summary>Refreshes the index.</summary>
    /// <param name="isFirst">Whether nothing is known of any pack.</param>
    /// <param name="listed">Packs that were there just now; others may be too.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>Whether a damaged segment was met that was not known before.</returns>
    public async Task<bool> RefreshAsync(bool isFirst, IReadOnlyDictionary<PackId, long>? listed, CancellationToken cancellationToken)
    {
        var damagedBefore = _damaged.Count;
        for (var round = 1; ; round++)
        {
            try
            {
                if (await ReadAsync(cancellationToken)) isFirst = true;
                break;
            }
            catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound && round < MaxRounds)
            {
                // Replaced, and removed, since it was listed.
            }
            catch (IndexCacheDamagedException) when (round < MaxRounds)
            {
                // The next round begins without the base.
            }
        }

        await ConfirmAsync(isFirst, listed, cancellationToken);
        return _damaged.Count > damagedBefore;
    }

    /// <summary>Steps 1 to 3. True when a base was taken, so that any pack may be new to the index.</summary>
    private async Task<bool> ReadAsync(CancellationToken cancellationToken, bool again = false)
    {
        // What this process writes from here on may be missing in the listing.
        var before = _known.Keys.ToHashSet();
        // 1. the listing
        var listing = new List<StoreEntry>();
        await foreach (var entry in repository.Store.ListAsync(IndexSegment.Prefix, cancellationToken))
        {
            // A file that someone put there is not worth an error here; a check mentions it.
            if (IndexSegment.IsKey(entry.Key)) listing.Add(entry);
        }

        listing.Sort((a, b) => a.LastModified == b.LastModified ? string.CompareOrdinal(a.Key, b.Key) : b.LastModified.CompareTo(a.LastModified));
        var listed = new HashSet<string>(listing.Count);
        var hashes = new HashSet<ChunkId>(listing.Count);
        foreach (var entry in listing)
        {
            listed.Add(entry.Key);
            hashes.Add(IndexSegment.HashOf(entry.Key));
        }

        // 2. the base
        var index = repository.Index;
        if (index.NeedsBase) Drop(index.Base!);
        if (_found is { IsDamaged: true }) Drop(_found);
        var settled = index.Base ?? _found ?? OpenCache();
        var isStale = settled?.Segments.Any(s => !s.IsSuperseded && !listed.Contains(s.Key)) == true;
        if (isStale && settled!.HasRepeatedPacks)
        {
            // Which segments name a pack is known of one only, and that one may be gone while another is not: begin from nothing.
            Drop(settled);
            (settled, isStale) = (null, false);
        }

        // 3. what is not in it
        var unread = listing.Where(e => !_known.ContainsKey(e.Key) && !_damaged.ContainsKey(e.Key) && !IsReplaced(e.Key, hashes)).ToList();
        var locations = index.RecentCount + (unread.Sum(e => e.Length) / BytesPerChunk);
        var isDue = isStale || locations >= options.IndexCacheLimits.Beside(settled?.EntryCount ?? 0);
        if (isDue && !_hasNoPlace && !index.HoldsOrdinals)
        {
            if (await TryBuildAsync(settled, listing, listed, hashes, cancellationToken)) return !NoteLeftOut(before, listed, hashes, again) || await ReadAsync(cancellationToken, again: true);
            unread = [.. listing.Where(e => !_known.ContainsKey(e.Key) && !_damaged.ContainsKey(e.Key) && !IsReplaced(e.Key, hashes))];
        }

        var isTaken = false;
        if (isStale && !index.HoldsOrdinals)
        {
            Drop(settled!);
            unread = [.. listing.Where(e => !_known.ContainsKey(e.Key) && !_damaged.ContainsKey(e.Key))];
        }
        else if (settled is not null && settled != index.Base)
        {
            index.ReplaceBase(settled);
            _found = null;
            isTaken = true;
        }

        await foreach (var (key, segment) in ReadAheadAsync(unread, hashes, cancellationToken))
        {
            var packs = new List<PackId>(segment.Packs.Count);
            foreach (var pack in segment.Packs)
            {
                packs.Add(pack.Pack);
                if (index.Knows(pack.Pack))
                {
                    repository.Learn(pack);
                    continue;
                }

                // Lost until it is found in the store.
                repository.Learn(pack, PackStanding.Lost);
                _unconfirmed.Add(pack.Pack);
            }

            _known.TryAdd(key, packs);
            before.Add(key);
        }

        return NoteLeftOut(before, listed, hashes, again) ? await ReadAsync(cancellationToken, again: true) : isTaken;
    }

    /// <summary>Step 5. True when the base cannot say which packs are named: it is dropped, and all has to be read again.</summary>
    /// <param name="before">Segments that were known before the listing, or read from it.</param>
    /// <param name="listed">The listing.</param>
    /// <param name="hashes">The hashes in its names.</param>
    /// <param name="isLast">Whether it was dropped for that already.</param>
    private bool NoteLeftOut(HashSet<string> before, HashSet<string> listed, HashSet<ChunkId> hashes, bool isLast)
    {
        var index = repository.Index;
        var settled = index.Base;
        var stale = new bool[settled?.Segments.Count ?? 0];
        for (var i = 0; i < stale.Length; i++) stale[i] = settled!.Segments[i] is { IsSuperseded: false } segment && !Counts(segment.Key);
        var isStale = stale.Contains(true);
        if (isStale && settled!.HasRepeatedPacks && !index.HoldsOrdinals && !isLast)
        {
            Drop(settled);
            return true;
        }

        var gone = new List<(string Key, IReadOnlyList<PackId> Packs)>();
        foreach (var (key, packs) in _known)
        {
            if (packs is not null && before.Contains(key) && !Counts(key)) gone.Add((key, packs));
        }

        if (!isStale && gone.Count == 0 && _leftOut.Count == 0) return false;
        foreach (var (key, packs) in gone)
        {
            _leftOut.UnionWith(packs);
            // One that was replaced counts again if what replaces it turns out to be damaged.
            if (!listed.Contains(key)) _known.TryRemove(key, out _);
        }

        if (isStale) _leftOut.UnionWith(RowsOf(i => stale[i]));
        foreach (var (key, packs) in _known)
        {
            if (packs is not null && (Counts(key) || !before.Contains(key))) _leftOut.ExceptWith(packs);
        }

        if (settled is not null && _leftOut.Count > 0) _leftOut.ExceptWith(RowsOf(i => !stale[i]));
        return false;

        bool Counts(string key) => listed.Contains(key) && !IsReplaced(key, hashes);

        IEnumerable<PackId> RowsOf(Func<int, bool> wanted)
        {
            for (var i = 0; i < settled!.RowCount; i++)
            {
                if (settled.RowAt(i) is { Continues: false } row && wanted(row.Segment)) yield return row.Pack;
            }
        }
    }

    /// <summary>Makes a base of all segments; false when there is no place for it, and then it has to go without.</summary>
    private async Task<bool> TryBuildAsync(IndexBase? old, List<StoreEntry> listing, HashSet<string> listed, HashSet<ChunkId> hashes, CancellationToken cancellationToken)
    {
        try
        {
            using var pending = cache.TryBegin();
            if (pending is null)
            {
                _hasNoPlace = true;
                return false;
            }

            var covered = old?.Segments.Where(s => !s.IsSuperseded).Select(s => s.Key).ToHashSet() ?? [];
            var wanted = listing.Where(e => !covered.Contains(e.Key) && !_damaged.ContainsKey(e.Key)).ToList();
            await foreach (var (key, segment) in ReadAheadAsync(wanted, hashes, cancellationToken)) pending.Builder.Add(key, segment.Packs);
            foreach (var key in listed.Where(k => IsReplaced(k, hashes))) pending.Builder.AddSuperseded(key, _replacedBy[IndexSegment.HashOf(key)]);
            var made = pending.Publish(old, s => listed.Contains(s.Key) && !IsReplaced(s.Key, hashes));
            repository.Index.ReplaceBase(made);
            _found = null;
            Note(made);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A full disk, as a rule. What does not fit there may fit memory.
            _hasNoPlace = true;
            return false;
        }
    }

    /// <summary>Reads segments in order, some ahead of the one that is asked for. Damaged ones are noted and left out, replaced ones are left out.</summary>
    private async IAsyncEnumerable<(string Key, IndexSegment Segment)> ReadAheadAsync(
        List<StoreEntry> entries, HashSet<ChunkId> hashes, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var ahead = new Queue<(StoreEntry Entry, Task<IndexSegment?> Reading)>();
        var next = 0;
        long bytes = 0;
        try
        {
            while (true)
            {
                while (next < entries.Count && (ahead.Count == 0 || (ahead.Count < ReadersAtOnce && bytes + entries[next].Length <= ReadAheadBytes)))
                {
                    var entry = entries[next++];
                    if (IsReplaced(entry.Key, hashes)) continue;
                    bytes += entry.Length;
                    ahead.Enqueue((entry, TryReadAsync(entry.Key, cancellationToken)));
                }

                if (!ahead.TryDequeue(out var first)) break;
                bytes -= first.Entry.Length;
                if (await first.Reading is not { } segment) continue;
                var hash = IndexSegment.HashOf(first.Entry.Key);
                foreach (var replaced in segment.Superseded)
                {
                    if (hashes.Contains(replaced)) _replacedBy[replaced] = hash;
                }

                // One that was read ahead of the one that replaces it.
                if (!IsReplaced(first.Entry.Key, hashes)) yield return (first.Entry.Key, segment);
            }
        }
        finally
        {
            // None may go on in the dark; what was asked for first has thrown already.
            foreach (var (_, reading) in ahead) await ((Task)reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<IndexSegment?> TryReadAsync(string key, CancellationToken cancellationToken)
    {
        try
        {
            return await repository.ReadSegmentAsync(key, cancellationToken);
        }
        catch (RepositoryFormatException exception)
        {
            // One that is as it was written is of a newer program or another repository: nothing here can make up for it.
            if (!await repository.IsAlteredAsync(key, cancellationToken)) throw;
            if (_damaged.TryAdd(key, exception)) options.OnDamagedSegment?.Invoke(exception);
            return null;
        }
    }

    /// <summary>Step 4.</summary>
    private async Task ConfirmAsync(bool all, IReadOnlyDictionary<PackId, long>? listed, CancellationToken cancellationToken)
    {
        var index = repository.Index;
        // Others wrote them since the last time; that they are there needs no question each.
        if (listed is not null) _unconfirmed.RemoveAll(pack => listed.TryGetValue(pack, out var length) && IsConfirmed(pack, length));
        if (all || _unconfirmed.Count > MaxQuestions)
        {
            // Listed after the segments: a pack is written before a segment that names it.
            await foreach (var entry in repository.Store.ListAsync(PackId.Prefix, cancellationToken))
            {
                if (PackId.TryParse(entry.Key, out var pack) && pack.Key == entry.Key) Confirm(pack, entry.Length);
            }
        }

        var missing = new List<PackId>();
        if (all)
        {
            foreach (var pack in index.EnumeratePacks())
            {
                if (pack.Standing == PackStanding.Lost) missing.Add(pack.Pack);
            }
        }
        else
        {
            missing = _unconfirmed.FindAll(index.IsLost);
        }

        await Parallel.ForEachAsync(missing, new ParallelOptions { MaxDegreeOfParallelism = ReadersAtOnce, CancellationToken = cancellationToken }, async (pack, token) =>
        {
            if (await repository.Store.StatAsync(pack.Key, token) is { } entry) Confirm(pack, entry.Length);
        });
        _unconfirmed.Clear();

        bool IsConfirmed(PackId pack, long length)
        {
            Confirm(pack, length);
            return !index.IsLost(pack);
        }

        // At no moment does a condemned pack count as there.
        void Confirm(PackId pack, long length) => index.Confirm(pack, length, repository.IsCondemned(pack) ? PackStanding.Condemned : PackStanding.Named);
    }

    private IndexBase? OpenCache()
    {
        if (_triedCache) return null;
        _triedCache = true;
        if (cache.TryOpen() is not { } found) return null;
        Note(found);
        return _found = found;
    }

    private void Note(IndexBase settled)
    {
        foreach (var segment in settled.Segments)
        {
            if (segment.IsSuperseded) _replacedBy[segment.Hash] = segment.ReplacedBy;
            else _known[segment.Key] = null;
        }
    }

    /// <summary>Does without a base from here on: all that it covers has to be read again.</summary>
    private void Drop(IndexBase settled)
    {
        foreach (var segment in settled.Segments) _known.TryRemove(segment.Key, out _);
        // One of them may turn out to be damaged now, and then those that it replaces count again.
        _replacedBy.Clear();
        if (settled.IsDamaged) cache.Remove();
        if (_found == settled) _found = null;
        if (repository.Index.Base == settled) repository.Index.ReplaceBase(null);
    }

    /// <summary>Whether another segment of the listing, one that was read, replaces this one.</summary>
    private bool IsReplaced(string key, HashSet<ChunkId> hashes) => _replacedBy.TryGetValue(IndexSegment.HashOf(key), out var by) && hashes.Contains(by);
}
