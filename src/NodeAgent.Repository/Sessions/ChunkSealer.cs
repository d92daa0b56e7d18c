using NodeAgent.Repository.Compression;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Interop;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Sessions;

/// <summary>
/// Compresses, encrypts and checks one chunk at a time, in two steps, since how long its envelope is shows only once it is compressed. What was sealed has been
/// opened again where it lies and hashed to the same id: a flaw of the memory, the compressor or the cipher does not reach the store.
/// </summary>
internal sealed class ChunkSealer(EnvelopeCipher cipher) : IDisposable
{
    private readonly ZstdCodec _codec = new();

    /// <summary>The compressed chunk, and afterwards what the envelope was opened to. As long as the longest chunk; it costs what the longest one needed so far.</summary>
    private readonly PageBuffer _payload = new(ChunkRepository.MaxChunkLength + EnvelopeCipher.InnerHeaderLength);
    private readonly PageBuffer _plain = new(ChunkRepository.MaxChunkLength);
    private int _compressed;

    /// <summary>First step: returns how long the chunk's envelope is.</summary>
    /// <param name="plaintext">The chunk.</param>
    /// <param name="level">Of zstd.</param>
    public int Compress(ReadOnlySpan<byte> plaintext, int level)
    {
        _compressed = _codec.Compress(plaintext, _payload.Span[..plaintext.Length], level);
        return (_compressed > 0 ? _compressed : plaintext.Length) + EnvelopeCipher.Overhead;
    }

    /// <summary>Second step: seals and checks what was compressed last.</summary>
    /// <param name="kind">Of the chunk.</param>
    /// <param name="id">Its id.</param>
    /// <param name="plaintext">The same as in the first step.</param>
    /// <param name="envelope">Where it is to lie, as long as the first step said.</param>
    /// <param name="computeId">Hashes a chunk.</param>
    /// <exception cref="RepositoryException">What was sealed is not the chunk.</exception>
    public void Seal(ChunkKind kind, ChunkId id, ReadOnlySpan<byte> plaintext, Span<byte> envelope, Func<ChunkKind, ReadOnlySpan<byte>, ChunkId> computeId)
    {
        Span<byte> associated = stackalloc byte[ChunkEnvelope.AssociatedLength];
        ChunkEnvelope.Associate(kind, id, associated);
        var isCompressed = _compressed > 0;
        cipher.Seal(ChunkEnvelope.TypeOf(kind), isCompressed, (uint)plaintext.Length, isCompressed ? _payload.Span[.._compressed] : plaintext, associated, envelope);
        Verify(kind, id, plaintext.Length, envelope, associated, computeId);
    }

    public void Dispose()
    {
        _codec.Dispose();
        ((IDisposable)_payload).Dispose();
        ((IDisposable)_plain).Dispose();
    }

    private void Verify(ChunkKind kind, ChunkId id, int length, ReadOnlySpan<byte> envelope, ReadOnlySpan<byte> associated, Func<ChunkKind, ReadOnlySpan<byte>, ChunkId> computeId)
    {
        var opened = cipher.Open(envelope, associated, _payload.Span);
        ReadOnlySpan<byte> plain = opened.Payload(_payload.Span);
        if (opened.PlainLength != length) throw Faulty(kind, id);
        if (opened.Compressed)
        {
            var whole = _plain.Span[..length];
            _codec.Decompress(plain, whole);
            plain = whole;
        }

        if (computeId(kind, plain) != id) throw Faulty(kind, id);
    }

    private static RepositoryException Faulty(ChunkKind kind, ChunkId id) =>
        new($"{kind} chunk {id} did not survive compression and encryption: this machine's memory or processor is faulty; nothing was published");
}
