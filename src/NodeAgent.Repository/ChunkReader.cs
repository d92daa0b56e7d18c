using System.Collections.Concurrent;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Reading;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository;

/// <summary>Reads chunks, verified. Thread-safe.</summary>
public sealed class ChunkReader : IDisposable
{
    /// <summary>What somebody who met damage while reading is told to do. A check says the rest itself.</summary>
    internal const string Advice = "; run \"nodeagent repo check --read-data\" to see what is affected";

    /// <summary>Bytes before its content that a chunk takes while it is decrypted.</summary>
    public const int Headroom = EnvelopeCipher.InnerHeaderLength;

    private readonly ChunkRepository _repository;
    private readonly InstancePool<OpeningTools> _tools = new(() => new OpeningTools());
    private readonly ChunkCache _cache;
    private readonly PackWindows? _windows;
    private readonly ConcurrentDictionary<PackId, bool> _lookedBeyond = new();

    internal ChunkReader(ChunkRepository repository, int cacheBytes)
    {
        _repository = repository;
        _cache = new ChunkCache(cacheBytes);
        if (repository.Store.WorthwhileRead is > 0 and var worthwhile) _windows = new PackWindows(repository.Store, worthwhile);
    }

    /// <summary>As the trees read chunks: whole, shared and cached.</summary>
    public ChunkSource Source => ReadSharedAsync;

    /// <summary>Where a chunk is.</summary>
    public bool TryLocate(ChunkId id, out ChunkLocation location) => _repository.Index.TryFind(id, out location);

    /// <summary>Reads a chunk into a buffer and returns its length. The content is what the id names, or it throws.</summary>
    /// <exception cref="ChunkNotFoundException">No index segment names it.</exception>
    /// <exception cref="RepositoryFormatException">It is damaged; names the pack and the offset.</exception>
    /// <exception cref="StoreException">The pack could not be read.</exception>
    public ValueTask<int> ReadAsync(ChunkId id, ChunkKind kind, Memory<byte> destination, CancellationToken cancellationToken) =>
        ReadAsync(id, kind, destination, null, cancellationToken);

    /// <summary>The same, from what a batch has read already, when it has it.</summary>
    /// <inheritdoc cref="ReadAsync(ChunkId, ChunkKind, Memory{byte}, CancellationToken)" path="/exception"/>
    public ValueTask<int> ReadAsync(ChunkId id, ChunkKind kind, Memory<byte> destination, ChunkBatch? batch, CancellationToken cancellationToken) =>
        ReadAsync(id, kind, destination, 0, batch, cancellationToken);

    /// <summary>The same, into a buffer from a place on. Where <see cref="Headroom"/> bytes are before that, what is not compressed is decrypted to where it is wanted.</summary>
    /// <param name="id">Of the chunk.</param>
    /// <param name="kind">Of the chunk.</param>
    /// <param name="buffer">Its bytes before <paramref name="start"/> are afterwards what they were. Meanwhile nobody else looks at them.</param>
    /// <param name="start">Where the chunk is to begin in it.</param>
    /// <param name="batch">What has perhaps read it already.</param>
    /// <param name="cancellationToken">Ends the wait for the store.</param>
    /// <inheritdoc cref="ReadAsync(ChunkId, ChunkKind, Memory{byte}, CancellationToken)" path="/exception"/>
    public async ValueTask<int> ReadAsync(ChunkId id, ChunkKind kind, Memory<byte> buffer, int start, ChunkBatch? batch, CancellationToken cancellationToken)
    {
        var destination = buffer[start..];
        if (batch is not null && await batch.TryGetAsync(id) is (var read, var place) && place.PlainLength <= destination.Length
            && (TryDecryptTo(id, kind, place, read.Span, buffer.Span, start) || TryOpen(id, kind, place, read.Span, destination.Span[..place.PlainLength])))
        {
            return place.PlainLength;
        }

        var location = await LocateAsync(id, cancellationToken);
        if (location.PlainLength > destination.Length)
            throw new RepositoryFormatException($"{kind} chunk {id}", 0, $"it has {location.PlainLength} bytes, more than the {destination.Length} that are expected");
        try
        {
            return await ReadAtAsync(id, kind, location, destination, cancellationToken);
        }
        catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound && !_repository.Index.IsLost(location.Pack))
        {
            // Collection may have moved the chunk since the index was loaded.
            _repository.Index.SetStanding(location.Pack, PackStanding.Lost);
        }
        catch (RepositoryException exception) when (IsDamage(exception))
        {
            if (await TryReadElsewhereAsync(id, kind, location, destination, cancellationToken) is { } length) return length;
            if (await TryReadByParityAsync(id, kind, location, destination, cancellationToken)) return location.PlainLength;
            throw;
        }

        return await ReadAsync(id, kind, destination, cancellationToken);
    }

    /// <summary>Reads a whole chunk that several may want, such as a tree page. The result never changes.</summary>
    /// <inheritdoc cref="ReadAsync(ChunkId, ChunkKind, Memory{byte}, CancellationToken)" path="/exception"/>
    public async ValueTask<ReadOnlyMemory<byte>> ReadSharedAsync(ChunkKind kind, ChunkId id, int maxLength, CancellationToken cancellationToken)
    {
        if (_cache.TryGet(kind, id, out var cached)) return cached;
        var location = await LocateAsync(id, cancellationToken);
        if (location.PlainLength > maxLength)
            throw new RepositoryFormatException($"{kind} chunk {id}", 0, $"it has {location.PlainLength} bytes, more than the {maxLength} that are allowed");
        var content = new byte[location.PlainLength];
        if (kind != ChunkKind.Data && await TryReadWindowAsync(location, cancellationToken) is { } envelope && TryOpen(id, kind, location, envelope.Span, content))
        {
            _cache.Add(kind, id, content);
            return content;
        }

        var length = await ReadAsync(id, kind, content, cancellationToken);
        if (length != content.Length) content = content[..length];
        _cache.Add(kind, id, content);
        return content;
    }

    /// <summary>What reads chunks ahead.</summary>
    /// <param name="budget">Bytes that all of its batches may hold.</param>
    /// <param name="readsAtOnce">Reads of the store that may be under way.</param>
    /// <param name="isReadOnce">
    /// Whether what is read is of no use to anybody soon: a store of files then reads it past the page cache. What lies close together and is wanted bit by bit is better
    /// off in it.
    /// </param>
    public ChunkFetcher CreateFetcher(long budget, int readsAtOnce, bool isReadOnce = false) => new(_repository, budget, readsAtOnce, isReadOnce);

    /// <inheritdoc/>
    public void Dispose()
    {
        _windows?.Dispose();
        _tools.Dispose();
    }

    /// <summary>Opens one envelope, and verifies it.</summary>
    internal void Open(ChunkId id, ChunkKind kind, in ChunkLocation location, ReadOnlySpan<byte> envelope, Span<byte> plain)
    {
        var tools = _tools.Rent();
        try
        {
            Open(id, kind, location, envelope, plain, tools);
        }
        finally
        {
            _tools.Return(tools);
        }
    }

    /// <summary>As <see cref="Open(ChunkId, ChunkKind, in ChunkLocation, ReadOnlySpan{byte}, Span{byte})"/>, for whoever does not want the content.</summary>
    /// <param name="id">What its content must hash to.</param>
    /// <param name="kind">What it must be sealed as.</param>
    /// <param name="location">Where the envelope was.</param>
    /// <param name="envelope">Exactly one.</param>
    /// <param name="room">To decompress into: as long as the content. Afterwards there may be anything in it.</param>
    /// <exception cref="RepositoryFormatException">It is damaged; names the pack and the offset.</exception>
    internal void Verify(ChunkId id, ChunkKind kind, in ChunkLocation location, ReadOnlySpan<byte> envelope, Span<byte> room)
    {
        var tools = _tools.Rent();
        try
        {
            _ = OpenTo(id, kind, location, envelope, tools.Opened(envelope.Length), room, tools);
        }
        finally
        {
            _tools.Return(tools);
        }
    }

    /// <summary>False for one that is damaged there: read alone, it may be found whole elsewhere; and if not, that is told as always.</summary>
    private bool TryOpen(ChunkId id, ChunkKind kind, in ChunkLocation location, ReadOnlySpan<byte> envelope, Span<byte> plain)
    {
        try
        {
            Open(id, kind, location, envelope, plain);
            return true;
        }
        catch (RepositoryFormatException)
        {
            return false;
        }
    }

    /// <summary>Decrypts what is not compressed to where it is wanted, without a copy. False, with nothing said, for all that this is not for, and for what is damaged.</summary>
    internal bool TryDecryptTo(ChunkId id, ChunkKind kind, in ChunkLocation location, ReadOnlySpan<byte> envelope, Span<byte> buffer, int start)
    {
        if (start < Headroom || envelope.Length != location.PlainLength + EnvelopeCipher.Overhead) return false;
        // The header of what is sealed comes out before the content.
        var opened = buffer.Slice(start - Headroom, Headroom + location.PlainLength);
        Span<byte> before = stackalloc byte[Headroom];
        opened[..Headroom].CopyTo(before);
        var tools = _tools.Rent();
        try
        {
            // With no room to decompress into, nothing that says it is compressed comes through.
            return OpenTo(id, kind, location, envelope, opened, [], tools).Length == location.PlainLength;
        }
        catch (RepositoryFormatException)
        {
            return false;
        }
        finally
        {
            _tools.Return(tools);
            before.CopyTo(opened);
        }
    }

    private void Open(ChunkId id, ChunkKind kind, in ChunkLocation location, ReadOnlySpan<byte> envelope, Span<byte> plain, OpeningTools tools)
    {
        var content = OpenTo(id, kind, location, envelope, tools.Opened(envelope.Length), plain, tools);
        if (!content.Overlaps(plain)) content.CopyTo(plain);
    }

    /// <summary>Returns the content, verified: within what was decrypted if it is not compressed, else all of the room for it.</summary>
    /// <param name="id">What its content must hash to.</param>
    /// <param name="kind">What it must be sealed as.</param>
    /// <param name="location">Where the envelope was.</param>
    /// <param name="envelope">Exactly one.</param>
    /// <param name="opened">To decrypt into.</param>
    /// <param name="plain">To decompress into: as long as the content is.</param>
    /// <param name="tools">The thread's.</param>
    private ReadOnlySpan<byte> OpenTo(ChunkId id, ChunkKind kind, in ChunkLocation location, ReadOnlySpan<byte> envelope, Span<byte> opened, Span<byte> plain, OpeningTools tools)
    {
        Span<byte> associated = stackalloc byte[ChunkEnvelope.AssociatedLength];
        ChunkEnvelope.Associate(kind, id, associated);
        OpenedEnvelope result;
        try
        {
            result = _repository.Keyring.Open(envelope, associated, opened);
        }
        catch (EnvelopeException exception)
        {
            throw Damaged(location, $"{exception.Message}: {kind} chunk {id}");
        }

        if (result.Type != ChunkEnvelope.TypeOf(kind) || result.PlainLength != location.PlainLength)
            throw Damaged(location, $"{kind} chunk {id} is sealed as {result.Type} of {result.PlainLength} bytes, the index says {location.PlainLength}");
        ReadOnlySpan<byte> content = result.Payload(opened);
        if (result.Compressed)
        {
            if (!tools.Codec.TryDecompress(content, plain)) throw Damaged(location, $"{kind} chunk {id} does not decompress to {location.PlainLength} bytes");
            content = plain;
        }

        if (_repository.ComputeId(kind, content) != id) throw Damaged(location, $"the content of {kind} chunk {id} is not what its id names");
        return content;
    }

    private ValueTask<ReadOnlyMemory<byte>?> TryReadWindowAsync(ChunkLocation location, CancellationToken cancellationToken) =>
        _windows is null || _repository.Index.IsLost(location.Pack) || !_repository.Index.TryGetPack(location.Pack, out _, out var length)
            ? default
            : _windows.TryReadAsync(location, length, cancellationToken);

    /// <summary>Whether another try at the same place would end in the same way, so that another place may do better.</summary>
    private static bool IsDamage(RepositoryException exception) =>
        exception is RepositoryFormatException or StoreException { Failure: StoreFailure.NotFound or StoreFailure.PermissionDenied or StoreFailure.Other };

    private async ValueTask<int> ReadAtAsync(ChunkId id, ChunkKind kind, ChunkLocation location, Memory<byte> destination, CancellationToken cancellationToken)
    {
        var tools = _tools.Rent();
        try
        {
            var envelope = tools.Envelope(location.StoredLength);
            await _repository.Store.ReadAsync(location.Pack.Key, location.Offset, envelope, cancellationToken);
            Open(id, kind, location, envelope.Span, destination.Span[..location.PlainLength], tools);
            return location.PlainLength;
        }
        finally
        {
            _tools.Return(tools);
        }
    }

    /// <summary>Reads a chunk that is damaged in one place from any other; null when there is none that is sound.</summary>
    private async ValueTask<int?> TryReadElsewhereAsync(ChunkId id, ChunkKind kind, ChunkLocation bad, Memory<byte> destination, CancellationToken cancellationToken)
    {
        var tried = new HashSet<ChunkLocation> { bad };
        if (await TryKnownAsync() is { } known) return known;
        // A repair or a backup may have stored it anew since the index was loaded; a pack that no segment names may have it. One look for each damaged pack is enough.
        if (!_lookedBeyond.TryAdd(bad.Pack, true)) return null;
        await _repository.RefreshIndexAsync(cancellationToken);
        if (await TryKnownAsync() is { } refreshed) return refreshed;
        await _repository.SearchUnnamedPacksAsync(cancellationToken);
        return await TryKnownAsync();

        async ValueTask<int?> TryKnownAsync()
        {
            foreach (var (location, _, _) in FindAll(id).OrderBy(l => l.Standing))
            {
                if (location.PlainLength > destination.Length || !tried.Add(location)) continue;
                try
                {
                    return await ReadAtAsync(id, kind, location, destination, cancellationToken);
                }
                catch (RepositoryException exception) when (IsDamage(exception))
                {
                    // The first failure is told, when all fail.
                }
            }

            return null;
        }
    }

    private async ValueTask<bool> TryReadByParityAsync(ChunkId id, ChunkKind kind, ChunkLocation location, Memory<byte> destination, CancellationToken cancellationToken)
    {
        if (await _repository.Parity.TryReadAsync(location.Pack, cancellationToken) is not { } pack || location.Offset + location.StoredLength > pack.Length) return false;
        Open(id, kind, location, pack.AsSpan((int)location.Offset, location.StoredLength), destination.Span[..location.PlainLength]);
        return true;
    }

    private IReadOnlyList<IndexedLocation> FindAll(ChunkId id)
    {
        try
        {
            return _repository.Index.FindAll(id);
        }
        catch (IndexCacheDamagedException)
        {
            return [];
        }
    }

    private async ValueTask<ChunkLocation> LocateAsync(ChunkId id, CancellationToken cancellationToken)
    {
        // A cached index may turn out to be damaged in the middle of a run.
        await _repository.SettleIndexAsync(cancellationToken);
        ChunkLocation location;
        try
        {
            if (IsThere(id, out location)) return location;
        }
        catch (IndexCacheDamagedException)
        {
            location = default;
        }

        if (location.PlainLength > 0 && _repository.HasSearchedUnnamedPacks) return location;
        // Another writer may have indexed it since this index was loaded, or its segment may be damaged.
        await _repository.RefreshIndexAsync(cancellationToken);
        if (IsThere(id, out location)) return location;
        await _repository.SearchUnnamedPacksAsync(cancellationToken);
        if (IsThere(id, out location)) return location;
        // One in a lost pack is read all the same: what is left of the pack may hold it, and if not, the error names the pack.
        return _repository.Index.TryFind(id, out location) ? location : throw new ChunkNotFoundException(id);
    }

    private bool IsThere(ChunkId id, out ChunkLocation location) => _repository.Index.TryFind(id, out location) && !_repository.Index.IsLost(location.Pack);

    private static RepositoryFormatException Damaged(in ChunkLocation location, string why) =>
        new(location.Pack.Key, location.Offset, why + Advice);
}
