using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Reading;

/// <summary>
/// Reads pages of trees from far stores together with what lies around them: they are some kilobytes each, were written in about the order in which they are read again,
/// and a request takes many times as long as the page. An unchanged backup of 50,000 small files over S3 asked 516 times and took 2.2 s, with this 33 times and 0.9 s
/// (bench/RESULTS.md). How much is read along grows as it turns out to be of use, pack by pack, and falls to nothing: pages of many backups lie scattered over packs.
/// Thread-safe.
/// </summary>
/// <param name="store">Where packs are.</param>
/// <param name="longest">What is worth reading at once, bytes, <see cref="IObjectStore.WorthwhileRead"/>; more than 0. A chunk across the end makes a read up to half as much longer.</param>
internal sealed class PackWindows(IObjectStore store, int longest) : IDisposable
{
    /// <summary>How many of the longest reads are kept. Several walkers are in parts of a tree that are not far from each other.</summary>
    private const int Kept = 6;

    /// <summary>How many times as long, or as short, the next read of a pack becomes.</summary>
    private const int Factor = 4;

    /// <summary>What part of a read must have been wanted for the next one to be longer: reading all the rest in vain costs less than it saves.</summary>
    private const int UsefulShare = 8;

    /// <summary>So many shortest reads of a pack one after the other that were of little use make its chunks be read alone: the first may be for a root, which lies far from all else.</summary>
    private const int MostUseless = 2;

    /// <summary>Chunks of a pack that are then read alone before another read is tried.</summary>
    private const int AloneBeforeNextTry = 16;

    private readonly int _shortest = Math.Min(128 << 10, longest);
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly LinkedList<Window> _byUse = new();
    private readonly Dictionary<PackId, List<Window>> _byPack = [];

    // Of each pack that anything was read of, some 200 bytes; nothing of what was read.
    private readonly Dictionary<PackId, History> _histories = [];
    private long _held;
    private bool _isOff;

    /// <summary>Bytes of all reads that are kept or under way.</summary>
    public long Held
    {
        get
        {
            lock (_gate) return _held;
        }
    }

    /// <summary>A stretch of a pack that is kept or being read.</summary>
    private sealed class Window(PackId pack, long start, int length, Outcome outcome, Task<byte[]> content)
    {
        public PackId Pack => pack;

        public long Start => start;

        public int Length => length;

        public long End => start + length;

        public Outcome Outcome => outcome;

        public Task<byte[]> Content => content;

        public bool IsKept { get; set; } = true;

        public bool Covers(in ChunkLocation location) => location.Offset >= Start && location.Offset + location.StoredLength <= End;
    }

    /// <summary>What came of a read.</summary>
    private sealed class Outcome(int length)
    {
        /// <summary>Bytes of chunks in it that were wanted, but for the one that it was begun for: that would have cost a request alone, too.</summary>
        public long Wanted { get; set; }

        public bool IsDone { get; set; }

        public bool HasFailed { get; set; }

        public bool WasUseful => !HasFailed && Wanted * UsefulShare >= length;
    }

    /// <summary>What is known of reads of a pack.</summary>
    private sealed class History
    {
        public Outcome? Last { get; set; }

        /// <summary>How long the last read was to be; what was read already made it shorter, or a chunk across its end longer.</summary>
        public int Planned { get; set; }

        /// <summary>Shortest reads one after the other that were of little use, without the last one.</summary>
        public int Useless { get; set; }

        /// <summary>Chunks that were read alone since the last read.</summary>
        public int Alone { get; set; }
    }

    /// <summary>
    /// The envelope of a chunk, as it lies in the pack; null when it has to be read alone: it is too long to be read with others, there is no room, nothing near it is
    /// wanted as a rule, or the read failed, for a reason that is then told there. Not to be changed.
    /// </summary>
    /// <param name="location">Of the chunk.</param>
    /// <param name="packLength">How long the pack is, bytes: nothing is read past it.</param>
    /// <param name="cancellationToken">Stops the wait, not the read, for which others may wait.</param>
    public async ValueTask<ReadOnlyMemory<byte>?> TryReadAsync(ChunkLocation location, long packLength, CancellationToken cancellationToken)
    {
        if (location.StoredLength > longest / 2 || location.Offset + location.StoredLength > packLength) return null;
        Window? window;
        lock (_gate)
        {
            window = Find(location);
            if (window is not null) window.Outcome.Wanted += location.StoredLength;
            else window = TryAdd(location, packLength);
        }

        if (window is null) return null;
        try
        {
            var content = await window.Content.WaitAsync(cancellationToken);
            return content.AsMemory((int)(location.Offset - window.Start), location.StoredLength);
        }
        catch (Exception exception) when (exception is RepositoryException or OperationCanceledException or ObjectDisposedException && !cancellationToken.IsCancellationRequested)
        {
            lock (_gate)
            {
                Forget(window);
                window.Outcome.HasFailed = true;
                // However short it was: what lies there is not to be asked for twice each time.
                var history = _histories[window.Pack];
                (history.Last, history.Planned, history.Alone) = (window.Outcome, _shortest, 0);
                // Where only a part of a pack does not come, what lies beside it is not to be lost with it, nor each page to wait for both reads until they are given up.
                _isOff |= exception is StoreException { Failure: StoreFailure.Transient };
            }

            return null;
        }
    }

    /// <summary>Ends what is being read.</summary>
    public void Dispose()
    {
        _ended.Cancel();
        _ended.Dispose();
    }

    private Window? Find(in ChunkLocation location)
    {
        if (!_byPack.TryGetValue(location.Pack, out var windows)) return null;
        foreach (var window in windows)
        {
            if (!window.Covers(location)) continue;
            _byUse.Remove(window);
            _byUse.AddFirst(window);
            return window;
        }

        return null;
    }

    private Window? TryAdd(in ChunkLocation location, long packLength)
    {
        if (_isOff) return null;
        if (!_histories.TryGetValue(location.Pack, out var history)) _histories[location.Pack] = history = new History();
        if (NextLength(history) is not (> 0 and var planned))
        {
            history.Alone++;
            return null;
        }

        var (start, end) = Stretch(location, planned, packLength);
        var (pack, length) = (location.Pack, (int)(end - start));
        if (!TryMakeRoom(length)) return null;
        var outcome = new Outcome(length);
        // Not under the lock: a store may do some of its work before it first waits.
        var window = new Window(pack, start, length, outcome, Task.Run(() => ReadAsync(pack, start, length, outcome), CancellationToken.None));
        _byUse.AddFirst(window);
        if (!_byPack.TryGetValue(window.Pack, out var windows)) _byPack[window.Pack] = windows = [];
        windows.Add(window);
        _held += length;
        // One that fills a gap, or a short pack, tells nothing of what is better.
        if (length < planned / 2) return window;
        if (planned > _shortest || history.Last is { WasUseful: true }) history.Useless = 0;
        else if (history.Last is { IsDone: true }) history.Useless++;
        (history.Last, history.Planned, history.Alone) = (outcome, planned, 0);
        return window;
    }

    /// <summary>
    /// What is read for a chunk. From a multiple of the length on: pages below a directory lie before its own, so that what is next is as likely before the chunk as behind it.
    /// But nothing that is kept is read again: pages one after the other are met in stretches that follow each other.
    /// </summary>
    private (long Start, long End) Stretch(in ChunkLocation location, int length, long packLength)
    {
        var (start, chunkEnd) = (location.Offset / length * length, location.Offset + location.StoredLength);
        var windows = _byPack.GetValueOrDefault(location.Pack, []);
        foreach (var before in windows)
        {
            if (before.Start <= location.Offset) start = Math.Max(start, Math.Min(before.End, location.Offset));
        }

        var end = Math.Min(start + length, packLength);
        foreach (var behind in windows)
        {
            if (behind.Start > location.Offset) end = Math.Min(end, behind.Start);
        }

        // A chunk across the place where two of them meet is read once more.
        return (start, Math.Max(end, chunkEnd));
    }

    /// <summary>How much of a pack is read next; 0 for the chunk alone.</summary>
    private int NextLength(History history)
    {
        if (history.Last is not { } last) return _shortest;
        // Of one that is still under way nobody can say yet what it was good for.
        if (!last.IsDone) return history.Planned;
        if (last.WasUseful) return (int)Math.Min((long)history.Planned * Factor, longest);
        if (history.Planned > _shortest && !last.HasFailed) return Math.Max(history.Planned / Factor, _shortest);
        return history.Alone < AloneBeforeNextTry && (last.HasFailed || history.Useless + 1 >= MostUseless) ? 0 : _shortest;
    }

    /// <summary>Gives up what was not wanted for longest. What is being read takes its memory until it is there.</summary>
    private bool TryMakeRoom(int length)
    {
        var surplus = _held + length - ((long)Kept * longest);
        if (surplus <= 0) return true;
        var given = new List<Window>();
        for (var oldest = _byUse.Last; oldest is not null && surplus > 0; oldest = oldest.Previous)
        {
            if (!oldest.Value.Content.IsCompleted) continue;
            given.Add(oldest.Value);
            surplus -= oldest.Value.Length;
        }

        if (surplus > 0) return false;
        foreach (var window in given) Forget(window);
        return true;
    }

    private void Forget(Window window)
    {
        if (!window.IsKept) return;
        window.IsKept = false;
        _byUse.Remove(window);
        var windows = _byPack[window.Pack];
        windows.Remove(window);
        if (windows.Count == 0) _byPack.Remove(window.Pack);
        _held -= window.Length;
    }

    private async Task<byte[]> ReadAsync(PackId pack, long start, int length, Outcome outcome)
    {
        try
        {
            var content = GC.AllocateUninitializedArray<byte>(length);
            await store.ReadAsync(pack.Key, start, content, _ended.Token);
            return content;
        }
        finally
        {
            lock (_gate) outcome.IsDone = true;
        }
    }
}
