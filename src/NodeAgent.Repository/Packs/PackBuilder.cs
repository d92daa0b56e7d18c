using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Packs;

/// <summary>A pack being filled in memory. One thread at a time.</summary>
internal sealed class PackBuilder(byte[] buffer, int target)
{
    private readonly List<PackedChunk> _chunks = [];
    private int _length = ObjectHeader.Length;

    public bool IsEmpty => _chunks.Count == 0;

    public int ChunkCount => _chunks.Count;

    public byte[] Buffer => buffer;

    /// <summary>Whether another envelope goes in without passing the target. An empty pack takes any that its buffer holds.</summary>
    public bool Takes(int envelopeLength) =>
        _length + envelopeLength + Tail(_chunks.Count + 1) <= (IsEmpty ? buffer.Length : target);

    public void Add(ReadOnlySpan<byte> envelope, in PackedChunk chunk)
    {
        envelope.CopyTo(buffer.AsSpan(_length));
        _length += envelope.Length;
        _chunks.Add(chunk);
    }

    /// <summary>Completes the pack: padding, footer, trailer, header, hash.</summary>
    public SealedPack Complete(EnvelopeCipher cipher, ReadOnlySpan<byte> repositoryId, ulong session)
    {
        var footerOffset = _length;
        var plainLength = PackFooter.LengthOf(_chunks.Count);
        var padding = Math.Min(PackFooter.PaddingFor(_length + Tail(_chunks.Count), _chunks.Count), buffer.Length - _length - Tail(_chunks.Count));
        plainLength += padding;
        var footerLength = plainLength + EnvelopeCipher.Overhead;
        new ObjectHeader(ObjectKind.Pack, cipher.Identity, (uint)footerLength).Write(repositoryId, buffer);

        var envelope = buffer.AsSpan(footerOffset, footerLength);
        var plain = envelope.Slice(EnvelopeCipher.PayloadOffset, plainLength);
        PackFooter.Encode(cipher.Identity, _chunks, padding, plain);
        cipher.Seal(EnvelopeType.PackFooter, compressed: false, (uint)plainLength, plain, PackFooter.AssociatedData(buffer, footerOffset), envelope);
        PackFooter.WriteTrailer(footerLength, buffer.AsSpan(footerOffset + footerLength));
        var length = footerOffset + footerLength + PackFooter.TrailerLength;

        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        Blake3.Hash(buffer.AsSpan(0, length), hash);
        return new SealedPack(new PackContents(new PackId(session, new ChunkId(hash)), length, _chunks), buffer, length);
    }

    private static int Tail(int chunks) => PackFooter.LengthOf(chunks) + EnvelopeCipher.Overhead + PackFooter.TrailerLength;
}
