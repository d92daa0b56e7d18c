using System.Globalization;
using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Repair;

/// <summary>
/// The session of a repair: packs with what was saved, then packs that are retired. It keeps to the protocol of collection, so that writers, readers, prunes and
/// other repairs may run beside it:
/// 1. it announces itself;
/// 2. what was saved goes into packs of its own, and segments name these;
/// 3. the packs that are retired are condemned: a backup that relies on one finds that out when it publishes, and stores its content again;
/// 4. segments leave them out, and their objects are deleted, each through a fence and while the session stands.
/// No second mark is needed before the deletes: whatever a snapshot uses and was sound in a retired pack is in the session's own packs by then.
/// </summary>
internal sealed class RepairSession : ISegmentRepository, IAsyncDisposable
{
    /// <summary>Of zstd: a repair writes little, and in no hurry.</summary>
    private const int CompressionLevel = 3;

    private const int Rounds = 12;
    private const int DeletesAFence = 100;

    /// <summary>Chunks, and packs, that one segment of a repair names at most, unless a single pack has more.</summary>
    internal const int ChunksPerSegment = 100_000;

    /// <inheritdoc cref="ChunksPerSegment"/>
    internal const int PacksPerSegment = 1024;

    private readonly ChunkRepository _repository;
    private readonly EnvelopeCipher _cipher;
    private readonly ChunkSealer _sealer;
    private readonly SealedRecords _records;
    private readonly SessionLife _life;
    private readonly SessionRecord _record;
    private readonly CollectionTimes _times;
    private readonly CancellationTokenSource _stop = new();
    private readonly CopiedPacks _copies;
    private readonly HashSet<ChunkId> _added = [];
    private readonly List<int> _condemned = [];
    private readonly ulong _name;
    private Task _heart = Task.CompletedTask;
    private bool _isAnnounced;
    private bool _isInDoubt;

    private RepairSession(ChunkRepository repository, RepairOrigin origin, CollectionTimes times)
    {
        _repository = repository;
        _times = times;
        _cipher = repository.CreateCipher(CipherSuiteSelection.Preferred, null);
        _copies = new CopiedPacks(repository, _cipher);
        _sealer = new ChunkSealer(_cipher);
        _name = System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(_cipher.Salt);
        _records = new SealedRecords(repository, _cipher);
        _life = new SessionLife(repository.Store, _records);
        _record = new SessionRecord(repository.Time.GetUtcNow(), origin.Program, origin.Hostname, (int)times.FenceLifetime.TotalSeconds);
    }

    /// <inheritdoc/>
    public IObjectStore Store => _repository.Store;

    /// <summary>Bytes of packs that were written.</summary>
    public long WrittenBytes => _copies.SentBytes;

    public static async Task<RepairSession> BeginAsync(ChunkRepository repository, RepairOrigin origin, CancellationToken cancellationToken)
    {
        var session = new RepairSession(repository, origin, CollectionTimes.Default);
        try
        {
            await session._life.AnnounceAsync(session._record, cancellationToken);
            session._isAnnounced = true;
            session._heart = Heart.BeatAsync(() => session._life.BeatAsync(session._record, session._stop.Token), session._times.Heartbeat, repository.Time, session._stop.Token);
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>Takes a chunk over as it is encrypted. The caller has opened it.</summary>
    public ValueTask AddAsync(PackedChunk chunk, ReadOnlyMemory<byte> envelope, CancellationToken cancellationToken) =>
        _added.Add(chunk.Id) ? _copies.AddAsync(chunk, envelope, cancellationToken) : ValueTask.CompletedTask;

    /// <summary>Takes a chunk over that is at hand in clear.</summary>
    public ValueTask AddPlainAsync(ChunkId id, ChunkKind kind, ReadOnlyMemory<byte> plain, CancellationToken cancellationToken)
    {
        var envelope = new byte[_sealer.Compress(plain.Span, CompressionLevel)];
        _sealer.Seal(kind, id, plain.Span, envelope, _repository.ComputeId);
        return AddAsync(new PackedChunk(id, kind, _cipher.Identity, envelope.Length, plain.Length), envelope, cancellationToken);
    }

    /// <summary>Sends what is left to send, then names all packs in segments.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken) => await WriteSegmentsAsync(await _copies.CompleteAsync(cancellationToken), cancellationToken);

    /// <summary>Writes segments that name packs. Packs of one session stand together, so that a segment names few sessions.</summary>
    public async Task WriteSegmentsAsync(IEnumerable<PackContents> packs, CancellationToken cancellationToken)
    {
        var segment = new List<PackContents>();
        var chunks = 0;
        foreach (var pack in packs.OrderBy(p => p.Pack.Session).ThenBy(p => p.Pack.Hash))
        {
            if (segment.Count > 0 && (chunks + pack.Chunks.Count > ChunksPerSegment || segment.Count == PacksPerSegment)) await WriteAsync();
            segment.Add(pack);
            chunks += pack.Chunks.Count;
        }

        if (segment.Count > 0) await WriteAsync();

        async Task WriteAsync()
        {
            var (key, content) = SealSegment(new IndexSegment([.. segment], []));
            await _repository.Store.PutAsync(key, content, cancellationToken);
            _repository.AddToIndex(content, segment);
            segment.Clear();
            chunks = 0;
        }
    }

    /// <inheritdoc/>
    public Task<IndexSegment> ReadSegmentAsync(string key, CancellationToken cancellationToken) => _repository.ReadSegmentAsync(key, cancellationToken);

    /// <inheritdoc/>
    public (string Key, byte[] Content) SealSegment(IndexSegment segment)
    {
        var content = _repository.Objects.Seal(_cipher, ObjectKind.Index, EnvelopeType.IndexSegment, segment.Encode());
        return (ChunkRepository.SegmentKey(_name.ToString("x16", CultureInfo.InvariantCulture), content), content);
    }

    /// <summary>Says that nothing may rely on these packs any more.</summary>
    public async Task CondemnAsync(IReadOnlyCollection<PackId> packs, CancellationToken cancellationToken)
    {
        // Where there are exclusive fences, no backup is between its look and its publish meanwhile.
        await using var fence = _repository.Store.HasExclusiveFences ? await _repository.Store.OpenFenceAsync(FenceMode.Exclusive, _times.FenceLifetime, cancellationToken) : null;
        foreach (var part in packs.Order(PackOrder.Instance).Chunk(CollectionRecord.MaxPacks))
        {
            var record = new CollectionRecord(CollectionRecordKind.Condemn, _condemned.Count, part, []);
            await _repository.Store.PutAsync(record.KeyFor(_records.Session), _records.Seal(record), cancellationToken);
            _condemned.Add(record.Number);
        }

        foreach (var pack in packs) _repository.Index.SetStanding(pack, PackStanding.Lost);
    }

    /// <summary>Writes segments that name what the present ones do, without some packs.</summary>
    public async Task LeaveOutAsync(IReadOnlySet<PackId> without, CancellationToken cancellationToken)
    {
        // What cannot be read stays as it is.
        var segments = new SegmentCatalog(this, static _ => Task.CompletedTask);
        await segments.RefreshAsync(null, null, cancellationToken);
        await new SegmentRewrite(this, segments, new SegmentRewriteOptions { Most = int.MaxValue }).ExecuteAsync(
            without, (key, content, token) => FencedAsync(async fence => await fence.PutAsync(key, content, token), token), cancellationToken);
    }

    /// <summary>Deletes objects while the session stands.</summary>
    public async Task DeleteAsync(IEnumerable<string> keys, CancellationToken cancellationToken)
    {
        foreach (var part in keys.Chunk(DeletesAFence))
        {
            await FencedAsync(
                async fence =>
                {
                    foreach (var key in part) await fence.DeleteAsync(key, cancellationToken);
                },
                cancellationToken);
        }
    }

    /// <summary>Says that nothing more is done about the packs that were condemned.</summary>
    public async Task SweptAsync(CancellationToken cancellationToken)
    {
        foreach (var number in _condemned)
        {
            var record = new CollectionRecord(CollectionRecordKind.Swept, number, [], []);
            await _repository.Store.PutAsync(record.KeyFor(_records.Session), _records.Seal(record), cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _heart;
        if (_isAnnounced && !_isInDoubt) await TryEndAsync();
        _stop.Dispose();
        _sealer.Dispose();
        _copies.Dispose();
        _cipher.Dispose();
    }

    private async Task FencedAsync(Func<IFence, Task> write, CancellationToken cancellationToken)
    {
        for (var round = 1; ; round++)
        {
            await using var fence = await _repository.Store.OpenFenceAsync(FenceMode.Shared, _times.FenceLifetime, cancellationToken);
            // One that was held up until it was revoked would hide packs that others rely on by then.
            await SnapshotPublication.RequireOwnSessionAsync(_repository.Store, _records.Session, cancellationToken);
            var before = _isInDoubt;
            try
            {
                _isInDoubt = true;
                await write(fence);
                _isInDoubt = before;
                return;
            }
            catch (FenceExpiredException) when (round < Rounds)
            {
                _isInDoubt = before || fence.IsInDoubt;
            }
        }
    }

    private async Task TryEndAsync()
    {
        try
        {
            await _life.EndAsync(_record, CancellationToken.None);
        }
        catch (RepositoryException)
        {
            // Others wait a little longer, and declare the session dead in time.
        }
    }
}
