using System.Buffers.Binary;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Packs;

/// <summary>
/// Chunks of other packs on their way into packs of this session, as they are encrypted: one pack for data and one for metadata is filled at a time, and sent when it is full.
/// For one caller at a time. What was not sent is lost with Dispose.
/// </summary>
/// <param name="repository">Where.</param>
/// <param name="cipher">The session's, which the caller keeps and disposes.</param>
internal sealed class CopiedPacks(ChunkRepository repository, EnvelopeCipher cipher) : IDisposable
{
    private readonly ulong _session = BinaryPrimitives.ReadUInt64BigEndian(cipher.Salt);
    private readonly PackBuffers _buffers = new();
    private readonly List<PackContents> _sent = [];
    private int _sentChunks;
    private PackBuilder? _data;
    private PackBuilder? _metadata;

    /// <summary>Bytes of all packs that were sent.</summary>
    public long SentBytes { get; private set; }

    /// <summary>Takes a chunk over. The caller has opened it and compared it with its id.</summary>
    public async ValueTask AddAsync(PackedChunk chunk, ReadOnlyMemory<byte> envelope, CancellationToken cancellationToken)
    {
        if (Open(chunk.Kind) is { } full && !full.Takes(envelope.Length, chunk.Session)) await SendAsync(chunk.Kind, full, cancellationToken);
        var builder = Open(chunk.Kind) ?? PackBuilder.Create(repository.Config.Parameters.PackTarget, chunk.Kind, envelope.Length, cipher.Identity, _buffers);
        builder.Add(envelope.Span, chunk);
        SetOpen(chunk.Kind, builder);
    }

    /// <summary>The packs that were sent since this or <see cref="CompleteAsync"/> was last called, if they hold so many chunks; else none. None of them is in an index segment yet.</summary>
    public IReadOnlyList<PackContents> TakeSent(int least) => _sentChunks < least ? [] : TakeAll();

    /// <summary>Sends what is left to send. Answers the packs that were sent since it was last called; none of them is in an index segment yet.</summary>
    public async Task<IReadOnlyList<PackContents>> CompleteAsync(CancellationToken cancellationToken)
    {
        if (_data is not null) await SendAsync(ChunkKind.Data, _data, cancellationToken);
        if (_metadata is not null) await SendAsync(ChunkKind.Tree, _metadata, cancellationToken);
        return TakeAll();
    }

    public void Dispose()
    {
        _data?.Dispose();
        _metadata?.Dispose();
        (_data, _metadata) = (null, null);
    }

    private PackContents[] TakeAll()
    {
        PackContents[] sent = [.. _sent];
        _sent.Clear();
        _sentChunks = 0;
        return sent;
    }

    private async Task SendAsync(ChunkKind kind, PackBuilder builder, CancellationToken cancellationToken)
    {
        // After a failure the builder stays open, and is sent when the next one is due: its chunks count as copied.
        var pack = builder.Complete(cipher, repository.RepositoryId, _session);
        await repository.Store.PutAsync(pack.Contents.Pack.Key, pack.Bytes, cancellationToken);
        SetOpen(kind, null);
        _buffers.GiveBack(pack);
        SentBytes += pack.Length;
        _sent.Add(pack.Contents);
        _sentChunks += pack.Contents.Chunks.Count;
    }

    private PackBuilder? Open(ChunkKind kind) => kind == ChunkKind.Data ? _data : _metadata;

    private void SetOpen(ChunkKind kind, PackBuilder? builder)
    {
        if (kind == ChunkKind.Data) _data = builder;
        else _metadata = builder;
    }
}
