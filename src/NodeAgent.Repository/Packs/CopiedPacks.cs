using System.Buffers.Binary;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Packs;

/// <summary>
/// Chunks of other packs on their way into packs of this session, as they are encrypted: one pack for data and one for metadata is filled at a time, and sent when it is full.
/// For one caller at a time.
/// </summary>
/// <param name="repository">Where.</param>
/// <param name="cipher">The session's, which the caller keeps and disposes.</param>
internal sealed class CopiedPacks(ChunkRepository repository, EnvelopeCipher cipher)
{
    private readonly ulong _session = BinaryPrimitives.ReadUInt64BigEndian(cipher.Salt);
    private readonly List<PackContents> _sent = [];
    private int _sentChunks;
    private PackBuilder? _data;
    private PackBuilder? _metadata;

    /// <summary>Bytes of all packs that were sent.</summary>
    public long SentBytes { get; private set; }

    /// <summary>Takes a chunk over. The caller has opened it and compared it with its id.</summary>
    public async ValueTask AddAsync(PackedChunk chunk, ReadOnlyMemory<byte> envelope, CancellationToken cancellationToken)
    {
        var isData = chunk.Kind == ChunkKind.Data;
        var builder = isData ? _data : _metadata;
        if (builder is not null && !builder.Takes(envelope.Length, chunk.Session))
        {
            await SendAsync(builder, cancellationToken);
            builder = null;
        }

        builder ??= PackBuilder.Create(repository.Config.Parameters.PackTarget, chunk.Kind, envelope.Length, cipher.Identity, null);
        builder.Add(envelope.Span, chunk);
        if (isData) _data = builder;
        else _metadata = builder;
    }

    /// <summary>The packs that were sent since this or <see cref="CompleteAsync"/> was last called, if they hold so many chunks; else none. None of them is in an index segment yet.</summary>
    public IReadOnlyList<PackContents> TakeSent(int least) => _sentChunks < least ? [] : TakeAll();

    /// <summary>Sends what is left to send. Answers the packs that were sent since it was last called; none of them is in an index segment yet.</summary>
    public async Task<IReadOnlyList<PackContents>> CompleteAsync(CancellationToken cancellationToken)
    {
        if (_data is { IsEmpty: false }) await SendAsync(_data, cancellationToken);
        if (_metadata is { IsEmpty: false }) await SendAsync(_metadata, cancellationToken);
        (_data, _metadata) = (null, null);
        return TakeAll();
    }

    private PackContents[] TakeAll()
    {
        PackContents[] sent = [.. _sent];
        _sent.Clear();
        _sentChunks = 0;
        return sent;
    }

    private async Task SendAsync(PackBuilder builder, CancellationToken cancellationToken)
    {
        var pack = builder.Complete(cipher, repository.RepositoryId, _session);
        await repository.Store.PutAsync(pack.Contents.Pack.Key, pack.Buffer.AsMemory(0, pack.Length), cancellationToken);
        SentBytes += pack.Length;
        _sent.Add(pack.Contents);
        _sentChunks += pack.Contents.Chunks.Count;
    }
}
