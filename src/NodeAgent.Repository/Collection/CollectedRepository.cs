using System.Buffers;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Packs;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Repository.Collection;

/// <summary>A repository as a collector, or a rebuild of its index, sees it. Copies go into packs of the collector's session, as they are encrypted, after each was opened and compared with its id.</summary>
internal sealed class CollectedRepository : ICollectedRepository, IDisposable
{
    // Fewer bytes of a pack than this share are read one by one.
    private const int WholeReadShare = 4;

    private readonly ChunkRepository _repository;
    private readonly EnvelopeCipher _cipher;
    private readonly SealedRecords _records;
    private readonly SnapshotCatalog _catalog;
    private readonly ChunkReader _reader;
    private readonly TreeReader _trees;
    private readonly TreeWalk _walk;
    private readonly CopiedPacks _copies;

    public CollectedRepository(ChunkRepository repository)
    {
        _repository = repository;
        _cipher = repository.CreateCipher(CipherSuiteSelection.Preferred, null);
        _copies = new CopiedPacks(repository, _cipher);
        _records = new SealedRecords(repository, _cipher);
        _catalog = new SnapshotCatalog(repository);
        _reader = repository.CreateReader();
        _trees = new TreeReader(_reader.Source, repository.Config.Parameters.Trees);
        _walk = new TreeWalk(_trees);
    }

    public IObjectStore Store => _repository.Store;

    public string Session => _records.Session;

    public ChunkCensus CreateCensus() => _repository.CreateCensus();

    public byte[] Seal(CollectionRecord record) => _records.Seal(record);

    public byte[] Seal(SessionRecord record) => _records.Seal(record);

    public ValueTask LearnKeyAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => _records.LearnKeyAsync(content, cancellationToken);

    public CollectionRecord OpenCollection(string key, byte[] content) => _records.OpenCollection(key, content);

    public SessionRecord OpenSession(string key, byte[] content) => _records.OpenSession(key, content);

    public Task<IndexSegment> ReadSegmentAsync(string key, CancellationToken cancellationToken) => _repository.ReadSegmentAsync(key, cancellationToken);

    public (string Key, byte[] Content) SealSegment(IndexSegment segment)
    {
        var content = _repository.Objects.Seal(_cipher, ObjectKind.Index, EnvelopeType.IndexSegment, segment.Encode());
        return (ChunkRepository.SegmentKey(Session, content), content);
    }

    public Task<PackContents> ReadPackAsync(PackId pack, long length, CancellationToken cancellationToken) => PackReader.ReadContentsAsync(_repository, pack, length, cancellationToken);

    public async IAsyncEnumerable<ChunkId> ReferencesAsync(SnapshotId id, string key, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var snapshot = await _catalog.ReadAsync(id, key, cancellationToken);
        await foreach (var reference in _walk.ReferencesAsync(snapshot.Manifest.ReadRoot(), static (_, exception) => throw exception, cancellationToken)) yield return reference.Id;
    }

    public async Task<bool> IsForgetMarkAsync(string key, SnapshotId id, CancellationToken cancellationToken)
    {
        try
        {
            await _catalog.ReadMarkAsync(key, id, cancellationToken);
            return true;
        }
        catch (RepositoryFormatException)
        {
            return false;
        }
        catch (StoreException exception) when (exception.Failure == StoreFailure.NotFound)
        {
            return false; // taken back meanwhile
        }
    }

    public async Task<bool> CopyAsync(PackContents pack, IReadOnlyList<int> chunks, CancellationToken cancellationToken)
    {
        var length = (int)pack.Size;
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            // The footer has the whole ids, which an index segment does not.
            var footer = await PackReader.ReadContentsAsync(_repository, pack.Pack, pack.Size, cancellationToken);
            if (footer.Chunks.Count != pack.Chunks.Count) return false;
            var offsets = new int[footer.Chunks.Count];
            var offset = ObjectHeader.Length;
            for (var i = 0; i < offsets.Length; i++)
            {
                offsets[i] = offset;
                offset += footer.Chunks[i].StoredLength;
            }

            if (chunks.Sum(i => (long)footer.Chunks[i].StoredLength) >= length / WholeReadShare)
            {
                await Store.ReadAsync(pack.Pack.Key, 0, buffer.AsMemory(0, length), cancellationToken);
            }
            else
            {
                foreach (var i in chunks) await Store.ReadAsync(pack.Pack.Key, offsets[i], buffer.AsMemory(offsets[i], footer.Chunks[i].StoredLength), cancellationToken);
            }

            // All are sound before the first is copied: of a pack with a damaged chunk everything stays where it is, for a repair to work on.
            foreach (var i in chunks) Verify(pack.Pack, footer.Chunks[i], offsets[i], buffer);
            foreach (var i in chunks) await _copies.AddAsync(footer.Chunks[i], buffer.AsMemory(offsets[i], footer.Chunks[i].StoredLength), cancellationToken);
            return true;
        }
        catch (RepositoryFormatException)
        {
            return false;
        }
        catch (StoreException exception) when (exception.Failure is StoreFailure.NotFound or StoreFailure.Other)
        {
            return false; // another collector was here first, or the pack is cut short
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public IReadOnlyList<PackContents> TakeCopies(int least) => _copies.TakeSent(least);

    public Task<IReadOnlyList<PackContents>> CompleteCopiesAsync(CancellationToken cancellationToken) => _copies.CompleteAsync(cancellationToken);

    public Task DelayAsync(TimeSpan time, CancellationToken cancellationToken) => Task.Delay(time, _repository.Time, cancellationToken);

    public void Dispose()
    {
        _reader.Dispose();
        _copies.Dispose();
        _cipher.Dispose();
    }

    private void Verify(PackId pack, in PackedChunk chunk, int offset, byte[] buffer)
    {
        var plain = ArrayPool<byte>.Shared.Rent(Math.Max(1, chunk.PlainLength));
        try
        {
            _repository.Keyring.Add(chunk.Session);
            var location = new ChunkLocation(pack, offset, chunk.StoredLength, chunk.PlainLength, chunk.Kind);
            _reader.Verify(chunk.Id, chunk.Kind, location, buffer.AsSpan(offset, chunk.StoredLength), plain.AsSpan(0, chunk.PlainLength));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(plain);
        }
    }
}
