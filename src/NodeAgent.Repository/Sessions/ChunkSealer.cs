using NodeAgent.Repository.Compression;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Sessions;

/// <summary>
/// Compresses, encrypts and checks one chunk at a time, in its own buffers. What it gives out has been opened again from
/// the sealed bytes and hashed to the same id: a flaw of the memory, the compressor or the cipher does not reach the store.
/// </summary>
internal sealed class ChunkSealer(EnvelopeCipher cipher, int level) : IDisposable
{
    private const int GrowthStep = 1 << 20;

    private readonly ZstdCodec? _codec = ZstdCodec.IsAvailable ? new ZstdCodec() : null;
    private byte[] _envelope = [];
    private byte[] _opened = [];
    private byte[] _plain = [];

    /// <summary>The envelope of a chunk; valid until the next call.</summary>
    public ReadOnlySpan<byte> Seal(ChunkKind kind, ChunkId id, ReadOnlySpan<byte> plaintext, Func<ChunkKind, ReadOnlySpan<byte>, ChunkId> computeId)
    {
        Grow(ref _envelope, ZstdCodec.CompressBound(plaintext.Length) + EnvelopeCipher.Overhead);
        var type = ChunkEnvelope.TypeOf(kind);
        Span<byte> associated = stackalloc byte[ChunkEnvelope.AssociatedLength];
        ChunkEnvelope.Associate(kind, id, associated);

        var payload = _envelope.AsSpan(EnvelopeCipher.PayloadOffset);
        var compressed = _codec?.Compress(plaintext, payload[..ZstdCodec.CompressBound(plaintext.Length)], level) ?? 0;
        var length = compressed > 0
            ? cipher.Seal(type, true, (uint)plaintext.Length, payload[..compressed], associated, _envelope)
            : cipher.Seal(type, false, (uint)plaintext.Length, plaintext, associated, _envelope);

        var envelope = _envelope.AsSpan(0, length);
        Verify(kind, id, envelope, associated, computeId);
        return envelope;
    }

    public void Dispose() => _codec?.Dispose();

    private void Verify(ChunkKind kind, ChunkId id, ReadOnlySpan<byte> envelope, ReadOnlySpan<byte> associated, Func<ChunkKind, ReadOnlySpan<byte>, ChunkId> computeId)
    {
        Grow(ref _opened, envelope.Length);
        var opened = cipher.Open(envelope, associated, _opened);
        ReadOnlySpan<byte> plain = opened.Payload(_opened);
        if (opened.Compressed)
        {
            Grow(ref _plain, (int)opened.PlainLength);
            _codec!.Decompress(plain, _plain.AsSpan(0, (int)opened.PlainLength));
            plain = _plain.AsSpan(0, (int)opened.PlainLength);
        }

        if (computeId(kind, plain) != id)
            throw new RepositoryException($"{kind} chunk {id} did not survive compression and encryption: this machine's memory or processor is faulty; nothing was published");
    }

    private static void Grow(ref byte[] buffer, int length)
    {
        // In steps, so that chunks which each are a little longer than the last do not leave a trail of buffers behind.
        if (buffer.Length < length) buffer = GC.AllocateUninitializedArray<byte>(length <= 64 << 10 ? 64 << 10 : (length + GrowthStep - 1) / GrowthStep * GrowthStep);
    }
}
