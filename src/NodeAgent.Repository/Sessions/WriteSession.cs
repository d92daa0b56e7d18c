using System.Collections.Concurrent;
using System.Threading.Channels;
using NodeAgent.Repository.Collection;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Repository.Sessions;

/// <summary>
/// One writer. Chunks go in from any number of threads, packs go out in the background, a snapshot ends it.
/// </summary>
/// <remarks>
/// The order of writes is what makes a crash harmless: a pack is durable before an index segment names it, and every
/// segment is durable before a snapshot refers to its chunks. So every prefix of a session's writes is a valid repository:
/// packs without an index entry are only unused space, and chunks that are indexed are reused by the next run.
/// The first failure of a put fails every later call with the same exception.
/// <para>
/// Collection may run beside it: what is condemned when the session begins does not count as there, and what is condemned later is found when the
/// snapshot is published, see <see cref="SnapshotPublication"/>.
/// </para>
/// </remarks>
public sealed class WriteSession : IAsyncDisposable
{
    /// <summary>Where sessions announce themselves.</summary>
    internal const string RecordPrefix = "sess/";

    /// <summary>The longest announcement.</summary>
    internal const int MaxRecordLength = 64 << 10;

    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(10);

    /// <summary>Packs after which an index segment is written.</summary>
    private const int PacksPerSegment = 64;

    /// <summary>Chunks after which an index segment is written: 2 MiB of segment.</summary>
    private const int ChunksPerSegment = 64 << 10;

    private readonly ChunkRepository _repository;
    private readonly EnvelopeCipher _cipher;
    private readonly CompressionPace _pace;
    private readonly ulong _name;
    private readonly Lock _gate = new();
    private readonly HashSet<ChunkId> _pending = [];
    private readonly ConcurrentBag<ChunkSealer> _dataSealers = [];
    private readonly ConcurrentBag<ChunkSealer> _metadataSealers = [];
    private readonly OpenPacks _packs;
    private readonly Channel<SealedPack> _sealed;
    private readonly Task[] _uploads;
    private readonly long _mostHeld;
    private readonly List<PackContents> _unindexed = [];
    private readonly Func<ChunkKind, ReadOnlySpan<byte>, ChunkId> _computeId;
    private readonly CollectionTimes _times;
    private readonly SealedRecords _records;
    private readonly SessionLife _life;
    private readonly SessionRecord _record;
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _abandoned = new();
    private Task _heart = Task.CompletedTask;
    private Ledger? _known;
    private bool _isInDoubt;
    private int _outstanding;
    private TaskCompletionSource? _drained;
    private TaskCompletionSource? _room;
    private Exception? _failure;
    private SessionStatistics _statistics;
    private bool _disposed;

    private WriteSession(ChunkRepository repository, WriteSessionOptions options)
    {
        _repository = repository;
        _pace = new CompressionPace(options.CompressionLevel, repository.Time, options.Idle ?? new IdleProcessors().Measure);
        _cipher = repository.CreateCipher(options.Suite ?? CipherSuiteSelection.Preferred, options.Salt);
        _name = System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(_cipher.Salt);
        _computeId = repository.ComputeId;
        _times = options.Times;
        _records = new SealedRecords(repository, _cipher);
        _life = new SessionLife(repository.Store, _records);
        _record = new SessionRecord(repository.Time.GetUtcNow(), options.Program, options.Hostname, (int)_times.FenceLifetime.TotalSeconds);
        // One pack waits while the others are sent: 16 MiB each.
        _sealed = Channel.CreateBounded<SealedPack>(1);
        var uploads = Math.Max(1, options.Uploads);
        _packs = new OpenPacks(repository.Config.Parameters.PackTarget, _cipher.Identity);
        // Those that are sent and those that are filled, all of them full.
        _mostHeld = (uploads + OpenPacks.DataPacks) * (long)repository.Config.Parameters.PackTarget;
        _uploads = new Task[uploads];
        for (var i = 0; i < uploads; i++) _uploads[i] = Task.Run(UploadAsync);
    }

    /// <summary>The session's name in the store.</summary>
    public string Name => _name.ToString("x16", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>What has been stored so far.</summary>
    public SessionStatistics Statistics
    {
        get
        {
            lock (_gate) return _statistics;
        }
    }

    internal static async Task<WriteSession> BeginAsync(ChunkRepository repository, WriteSessionOptions options, CancellationToken cancellationToken)
    {
        var session = new WriteSession(repository, options);
        try
        {
            session._known = await session._life.BeginAsync(session._record, null, ledger => repository.RefreshIndexAsync(ledger, cancellationToken), cancellationToken);
            session._heart = Heart.BeatAsync(() => session._life.BeatAsync(session._record, session._stop.Token), session._times.Heartbeat, repository.Time, session._stop.Token);
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>The id that a chunk has or would have.</summary>
    public ChunkId ComputeId(ChunkKind kind, ReadOnlySpan<byte> plaintext) => _repository.ComputeId(kind, plaintext);

    /// <summary>Whether the chunk is in the index or was stored by this session: an exact answer, never a guess.</summary>
    public bool Contains(ChunkId id)
    {
        if (_repository.Index.Contains(id)) return true;
        lock (_gate) return _pending.Contains(id);
    }

    /// <summary>
    /// Stores a chunk unless it is there. Hashing, compression and encryption run on the caller's thread; it waits only
    /// when packs are complete faster than they can be sent. Does not keep <paramref name="plaintext"/>.
    /// </summary>
    /// <exception cref="RepositoryException">An earlier put failed, or the chunk did not survive its check.</exception>
    public async ValueTask<StoredChunk> StoreAsync(ChunkKind kind, ReadOnlyMemory<byte> plaintext, CancellationToken cancellationToken)
    {
        if (plaintext.Length is 0 or > ChunkRepository.MaxChunkLength)
            throw new ArgumentException($"a chunk has 1 to {ChunkRepository.MaxChunkLength} bytes, not {plaintext.Length}", nameof(plaintext));
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfFailed();
        await _repository.SettleIndexAsync(cancellationToken);
        await AwaitRoomAsync(cancellationToken);
        var id = _repository.ComputeId(kind, plaintext.Span);
        if (!TryClaim(id, plaintext.Length)) return new StoredChunk(id, false, 0);
        int stored;
        PackBuilder? full;
        PackBuilder? settled;
        try
        {
            (stored, full, settled) = SealInto(kind, id, plaintext.Span);
        }
        catch (Exception exception)
        {
            // The id is claimed: another caller may rely on it, so the session cannot go on without it.
            Fail(exception);
            throw;
        }

        if (full is not null) await SendAsync(full, cancellationToken);
        if (settled is not null) await SendAsync(settled, cancellationToken);
        return new StoredChunk(id, true, stored);
    }

    /// <summary>Sends all packs and the index segment that names them. Not to be called while chunks are being stored.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        foreach (var builder in _packs.Take())
        {
            // One that waits for a chunk which was not sound will never be complete.
            if (!builder.IsSettled) ThrowIfFailed();
            await SendAsync(builder, cancellationToken);
        }

        await DrainAsync(cancellationToken);
        await WriteSegmentAsync(everything: true, cancellationToken);
        ThrowIfFailed();
    }

    /// <summary>
    /// Flushes, then writes the snapshot object: the commit point. What the manifest refers to must have been stored by this session, or have been
    /// there by <see cref="Contains"/>.
    /// </summary>
    /// <exception cref="SessionRevokedException">The session was silent for days; everything must be stored anew, by another one.</exception>
    /// <exception cref="SnapshotAbandonedException">Collection removed what it refers to. Likewise.</exception>
    public async Task<SnapshotId> PublishAsync(ReadOnlyMemory<byte> manifestJson, CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken);
        var content = _repository.Objects.Seal(_cipher, ObjectKind.Snapshot, EnvelopeType.Snapshot, manifestJson.Span);
        var id = IdOf(content);
        var publication = new SnapshotPublication(_repository.Store, _records, _known!, new SnapshotRescue(_repository, this, manifestJson), _times);
        try
        {
            await publication.ExecuteAsync(
                async fence =>
                {
                    var time = _repository.Time.GetUtcNow().ToString("yyyyMMdd'T'HHmmss'Z'", System.Globalization.CultureInfo.InvariantCulture);
                    await fence.PutAsync($"{SnapshotCatalog.Prefix}{time}-{id}", content, cancellationToken);
                },
                // While packs stand condemned, one look at the whole tree is worth more than the word of an index that several sessions share.
                isTrusted: _known!.Entries.Count == 0,
                cancellationToken);
        }
        finally
        {
            _isInDoubt |= publication.IsInDoubt;
        }

        _known = publication.Known;
        return id;
    }

    /// <summary>Stops the session. What was not flushed is lost, and nothing refers to it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        _sealed.Writer.TryComplete();
        // What is still on its way was not flushed and will never be named by anything: nobody is to wait for it, least of all for a store that is away.
        await _abandoned.CancelAsync();
        await Task.WhenAll(_uploads);
        await _stop.CancelAsync();
        await _heart;
        if (_known is not null && !_isInDoubt) await TryEndAsync();
        while (_dataSealers.TryTake(out var sealer) || _metadataSealers.TryTake(out sealer)) sealer.Dispose();
        _packs.Dispose();
        _stop.Dispose();
        _abandoned.Dispose();
        _cipher.Dispose();
    }

    /// <summary>Collectors need not wait for a session that has said that it is over.</summary>
    private async Task TryEndAsync()
    {
        using var patience = new CancellationTokenSource(EndPatience);
        try
        {
            await _life.EndAsync(_record, patience.Token);
        }
        catch (Exception)
        {
            // Whatever it is, it is not worth an error: collectors wait for a few minutes, and tidy up in a few days.
        }
    }

    private static SnapshotId IdOf(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        Blake3.Hash(content, hash);
        return new SnapshotId(new ChunkId(hash));
    }

    private bool TryClaim(ChunkId id, int length)
    {
        var known = _repository.Index.Contains(id);
        lock (_gate)
        {
            if (known || !_pending.Add(id))
            {
                _statistics = _statistics with { ReusedChunks = _statistics.ReusedChunks + 1, ReusedBytes = _statistics.ReusedBytes + length };
                return false;
            }

            return true;
        }
    }

    /// <summary>
    /// Seals a chunk into its place in a pack. Gives the packs that are complete by that: the one that had no room left for it, and the one that it is in when others have
    /// filled that meanwhile.
    /// </summary>
    private (int Stored, PackBuilder? Full, PackBuilder? Settled) SealInto(ChunkKind kind, ChunkId id, ReadOnlySpan<byte> plaintext)
    {
        if (!SealersOf(kind).TryTake(out var sealer)) sealer = new ChunkSealer(_cipher);
        try
        {
            var length = sealer.Compress(plaintext, _pace.Next());
            var place = _packs.Reserve(new PackedChunk(id, kind, _cipher.Identity, length, plaintext.Length));
            // The pack is not sent before all that are in it have been found sound.
            sealer.Seal(kind, id, plaintext, place.Envelope, _computeId);
            var settled = _packs.Settle(place);
            lock (_gate)
            {
                _statistics = _statistics with
                {
                    NewChunks = _statistics.NewChunks + 1,
                    NewBytes = _statistics.NewBytes + plaintext.Length,
                    NewDataBytes = _statistics.NewDataBytes + (kind == ChunkKind.Data ? plaintext.Length : 0),
                    StoredBytes = _statistics.StoredBytes + length,
                };
            }

            return (length, place.Full, settled);
        }
        finally
        {
            SealersOf(kind).Add(sealer);
        }
    }

    /// <summary>What has sealed a large chunk has large buffers, which pages of a tree do not need.</summary>
    private ConcurrentBag<ChunkSealer> SealersOf(ChunkKind kind) => kind == ChunkKind.Data ? _dataSealers : _metadataSealers;

    private async Task SendAsync(PackBuilder builder, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _outstanding);
        try
        {
            await _sealed.Writer.WriteAsync(builder.Complete(_cipher, _repository.RepositoryId, _name), cancellationToken);
        }
        catch (Exception exception)
        {
            Complete();
            // Its chunks are claimed and will never be stored.
            Fail(exception);
            builder.Dispose();
            throw;
        }
    }

    private async Task UploadAsync()
    {
        await foreach (var pack in _sealed.Reader.ReadAllAsync())
        {
            try
            {
                if (_failure is null) await PutAsync(pack);
                else _packs.Lost(pack, wasGiven: false);
            }
            catch (Exception exception)
            {
                Fail(exception);
            }
            finally
            {
                Complete();
            }
        }
    }

    private async Task PutAsync(SealedPack pack)
    {
        try
        {
            await _repository.Store.PutAsync(pack.Contents.Pack.Key, pack.Bytes, _abandoned.Token);
        }
        catch
        {
            _packs.Lost(pack, wasGiven: true);
            throw;
        }

        _packs.Stored(pack);
        lock (_gate) _unindexed.Add(pack.Contents);
        await WriteSegmentAsync(everything: false, _abandoned.Token);
    }

    private async Task WriteSegmentAsync(bool everything, CancellationToken cancellationToken)
    {
        List<PackContents> packs;
        lock (_gate)
        {
            var due = _unindexed.Count >= PacksPerSegment || _unindexed.Sum(p => p.Chunks.Count) >= ChunksPerSegment;
            if (_unindexed.Count == 0 || !(due || everything)) return;
            packs = [.. _unindexed];
            _unindexed.Clear();
        }

        try
        {
            var plain = new IndexSegment(packs, []).Encode();
            var content = _repository.Objects.Seal(_cipher, ObjectKind.Index, EnvelopeType.IndexSegment, plain);
            await _repository.Store.PutAsync(ChunkRepository.SegmentKey(Name, content), content, cancellationToken);
            _repository.AddToIndex(content, packs);
        }
        catch (Exception exception)
        {
            // No segment of this session will name these packs: no snapshot of it may be published any more.
            Fail(exception);
            throw;
        }

        lock (_gate)
        {
            foreach (var chunk in packs.SelectMany(p => p.Chunks)) _pending.Remove(chunk.Id);
        }

        await _repository.SettleIndexAsync(cancellationToken);
    }

    /// <summary>
    /// Waits while one more pack than are sent is complete, or packs take more memory than they may: each that is completed beyond that would be 16 MiB that nobody can take.
    /// </summary>
    private async ValueTask AwaitRoomAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task wait;
            lock (_gate)
            {
                if (_outstanding == 0 || (_outstanding <= _uploads.Length && _packs.HeldBytes <= _mostHeld)) return;
                _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                wait = _room.Task;
            }

            _pace.BeginWait();
            try
            {
                await wait.WaitAsync(cancellationToken);
            }
            finally
            {
                _pace.EndWait();
            }

            ThrowIfFailed();
        }
    }

    private async Task DrainAsync(CancellationToken cancellationToken)
    {
        Task wait;
        lock (_gate)
        {
            if (_outstanding == 0) return;
            _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            wait = _drained.Task;
        }

        await wait.WaitAsync(cancellationToken);
    }

    private void Complete()
    {
        lock (_gate)
        {
            var left = Interlocked.Decrement(ref _outstanding);
            _room?.TrySetResult();
            _room = null;
            if (left != 0) return;
            _drained?.TrySetResult();
            _drained = null;
        }
    }

    private void Fail(Exception exception) => Interlocked.CompareExchange(ref _failure, exception, null);

    private void ThrowIfFailed()
    {
        if (_failure is { } failure) throw failure is RepositoryException ? failure : new RepositoryException($"the session cannot go on: {failure.Message}", failure);
    }
}
