using System.Buffers;
using System.Collections.Concurrent;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Verification;

/// <summary>Reads packs, all or a part of them: their hash, footer, and every chunk. A pack is read once, however often the check walks.</summary>
internal sealed class PackDataCheck(ChunkRepository repository, CheckOptions options, CheckFindings findings, IProgress<CheckProgress>? progress)
{
    private const int MaxPackLength = 512 << 20;

    private readonly ConcurrentDictionary<PackId, bool> _readPacks = new();
    private readonly ConcurrentBag<Room> _rooms = [];
    private long _readBytes;
    private int _packsLeft;

    public int ReadPacks => _readPacks.Count;

    public long ReadBytes => Volatile.Read(ref _readBytes);

    /// <summary>Packs that the last walk left for another time, because of the deadline.</summary>
    public int PacksLeft => _packsLeft;

    /// <summary>Packs that the last walk passed over, because they were read lately.</summary>
    public int RecentPacks { get; private set; }

    public async Task ExecuteAsync(CancellationToken cancellationToken)
    {
        (_packsLeft, RecentPacks) = (0, 0);
        findings.IsReading = true;
        var chosen = ChoosePacks();
        var total = chosen.Sum(p => p.Length);
        long done = 0;
        using var reader = repository.CreateReader();
        // While some are looked at, which takes the processors, the next ones come from a store far away; within half of the memory that is left: they are not the collector's.
        using var processors = new SemaphoreSlim(Environment.ProcessorCount);
        var longest = Room.BytesFor(chosen.Count == 0 ? 0 : Math.Min(chosen.Max(p => p.Length), MaxPackLength), repository.Config.Parameters.Chunker.MaxSize);
        var atOnce = (int)Math.Clamp((GC.GetGCMemoryInfo().TotalAvailableMemoryBytes - GC.GetTotalMemory(forceFullCollection: false)) / 2 / longest, 1, Environment.ProcessorCount + 2);
        try
        {
            await Parallel.ForEachAsync(chosen, new ParallelOptions { MaxDegreeOfParallelism = atOnce, CancellationToken = cancellationToken }, async (pack, token) =>
            {
                if (repository.Time.GetUtcNow() >= options.Deadline)
                {
                    Interlocked.Increment(ref _packsLeft);
                    return;
                }

                var isSound = await ReadPackAsync(reader, pack.Pack, (int)Math.Min(pack.Length, MaxPackLength), processors, token);
                if (isSound is false) findings.AlteredPacks.TryAdd(pack.Pack, true);
                if (isSound is true) options.Verifications?.Note(pack.Pack, repository.Time.GetUtcNow());
                else if (isSound is false) options.Verifications?.Drop(pack.Pack);
                _readPacks.TryAdd(pack.Pack, true);
                var bytes = Interlocked.Add(ref _readBytes, pack.Length);
                progress?.Report(new CheckProgress("packs", Interlocked.Increment(ref done), chosen.Count, bytes, total));
            });
        }
        finally
        {
            // Nobody reads into them any more: it has waited for all.
            foreach (var room in _rooms) room.Dispose();
            _rooms.Clear();
        }

        findings.IsReading = false;
    }

    /// <summary>The packs to read, in that order: first those that were never read, then those that were read longest ago.</summary>
    private List<(PackId Pack, long Length)> ChoosePacks()
    {
        var (part, parts) = options.Subset;
        var now = repository.Time.GetUtcNow();
        var packs = new List<(PackId Pack, long Length, DateTimeOffset Verified)>();
        foreach (var (pack, length) in findings.Packs)
        {
            if (findings.DamagedPacks.ContainsKey(pack) || findings.MendablePacks.ContainsKey(pack) || _readPacks.ContainsKey(pack) || pack.Hash.Prefix % (ulong)parts != (ulong)(part - 1)) continue;
            // A time to come is of a clock that was wrong.
            var verified = options.Verifications?.TimeOf(pack) is { } time && time <= now ? time : DateTimeOffset.MinValue;
            if (verified > options.VerifiedSince) RecentPacks++;
            else packs.Add((pack, length, verified));
        }

        // A second walk goes on where the first one was.
        var budget = Math.Min(options.MaxBytes ?? long.MaxValue, options.Share < 1 ? (long)(packs.Sum(p => p.Length) * options.Share) : long.MaxValue) - _readBytes;
        var chosen = new List<(PackId, long)>();
        foreach (var (pack, length, _) in packs.OrderBy(p => p.Verified).ThenBy(p => p.Pack.Hash))
        {
            // One at least, however small the share: else it would never get round.
            if (budget <= 0 && chosen.Count + _readPacks.Count > 0) break;
            budget -= length;
            chosen.Add((pack, length));
        }

        return chosen;
    }

    /// <summary>Whether the pack is sound; null when it was removed meanwhile.</summary>
    private async ValueTask<bool?> ReadPackAsync(ChunkReader reader, PackId pack, int length, SemaphoreSlim processors, CancellationToken cancellationToken)
    {
        if (!_rooms.TryTake(out var room)) room = new Room();
        try
        {
            var content = room.ForPack(length);
            await repository.Store.ReadAsync(pack.Key, 0, content, cancellationToken);
            await processors.WaitAsync(cancellationToken);
            try
            {
                return await CheckPackAsync(reader, pack, content, room, cancellationToken);
            }
            finally
            {
                processors.Release();
            }
        }
        catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
        {
            findings.DamagedPacks.TryAdd(pack, 0);
            repository.Index.SetStanding(pack, PackStanding.Lost);
            return null;
        }
        catch (RepositoryException exception)
        {
            if (exception is StoreException && await findings.IsMendableAsync(repository, pack, cancellationToken)) return false;
            // Without a footer the chunks are still found by the index; they are read one by one when a snapshot uses them.
            findings.Damage(pack.Key, exception, "");
            findings.DamagedPacks.TryAdd(pack, length);
            findings.UnreadablePacks.TryAdd(pack, length);
            return false;
        }
        finally
        {
            _rooms.Add(room);
        }
    }

    private async ValueTask<bool> CheckPackAsync(ChunkReader reader, PackId pack, ReadOnlyMemory<byte> content, Room room, CancellationToken cancellationToken)
    {
        var isSound = true;
        if (HashOf(content.Span) != pack.Hash)
        {
            if (await findings.IsMendableAsync(repository, pack, cancellationToken)) return false;
            isSound = false;
            findings.Add(new CheckProblem(pack.Key, null, "the pack's content is not what its name says: it is damaged", IsDamage: true));
        }

        var offset = (long)ObjectHeader.Length;
        await repository.LearnGenerationAsync(content[..ObjectHeader.Length], cancellationToken);
        foreach (var chunk in PackReader.ReadFooter(repository, pack, content.Span))
        {
            isSound &= CheckChunk(reader, pack, chunk, offset, content.Span, room);
            offset += chunk.StoredLength;
        }

        return isSound;
    }

    private bool CheckChunk(ChunkReader reader, PackId pack, in PackedChunk chunk, long offset, ReadOnlySpan<byte> content, Room room)
    {
        try
        {
            repository.Keyring.Add(chunk.Session);
            var location = new ChunkLocation(pack, offset, chunk.StoredLength, chunk.PlainLength, chunk.Kind);
            reader.Verify(chunk.Id, chunk.Kind, location, content.Slice((int)offset, chunk.StoredLength), room.ForChunk(chunk.PlainLength));
            if (!repository.Index.NeedsBase && !repository.Index.TryFind(chunk.Id, out _))
            {
                findings.Remedy(RepairStep.Index);
                findings.Add(new CheckProblem(pack.Key, offset, $"the index does not name {chunk.Kind} chunk {chunk.Id} of this pack", IsDamage: true));
            }

            return true;
        }
        catch (RepositoryException exception)
        {
            findings.UnreadableChunks.TryAdd((chunk.Id, pack), true);
            findings.Damage(pack.Key, exception, "");
            return false;
        }
    }

    private static ChunkId HashOf(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        Blake3.Hash(content, hash);
        return new ChunkId(hash);
    }

    /// <summary>
    /// Memory for one pack and one of its chunks, used again. The shared pool would keep one of each length for every thread that ever gave one back.
    /// </summary>
    private sealed class Room : IDisposable
    {
        private IMemoryOwner<byte>? _pack;
        private byte[] _chunk = [];

        /// <summary>The most that one takes, bytes.</summary>
        public static long BytesFor(long pack, long chunk) => Math.Max(1, WithSpare(pack) + WithSpare(chunk));

        /// <summary>
        /// Where a directory's disk can read the pack into: past the page cache, since what is to be checked is the disk, and the cache of a node belongs to others.
        /// </summary>
        public Memory<byte> ForPack(int length)
        {
            if (_pack is null || _pack.Memory.Length < length)
            {
                Dispose();
                _pack = DirectFile.CreateBuffer((int)WithSpare(Math.Max(1, length)));
            }

            return _pack.Memory[..length];
        }

        public Span<byte> ForChunk(int length)
        {
            if (_chunk.Length < length) _chunk = GC.AllocateUninitializedArray<byte>((int)WithSpare(length));
            return _chunk.AsSpan(0, length);
        }

        public void Dispose()
        {
            _pack?.Dispose();
            _pack = null;
        }

        // The next one is about as long.
        private static long WithSpare(long length) => Math.Min(Array.MaxLength, length + (length / 8));
    }
}
