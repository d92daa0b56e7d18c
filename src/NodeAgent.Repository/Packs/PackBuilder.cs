using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Packs;

/// <summary>A pack being filled in memory. One thread at a time.</summary>
internal sealed class PackBuilder(byte[] buffer, int target, SessionIdentity owner)
{
    /// <summary>Tree pages and lists are small and few: their packs are complete at a quarter of a data pack.</summary>
    private const int MetadataShare = 4;

    private readonly List<SessionIdentity> _sessions = [owner];
    private readonly List<PackedChunk> _chunks = [];
    private int _length = ObjectHeader.Length;

    public bool IsEmpty => _chunks.Count == 0;

    public int ChunkCount => _chunks.Count;

    public byte[] Buffer => buffer;

    /// <summary>A builder of a pack for chunks of a kind.</summary>
    /// <param name="packTarget">Bytes at which a pack of data is complete.</param>
    /// <param name="kind">Of its chunks.</param>
    /// <param name="firstEnvelope">Bytes of the first one.</param>
    /// <param name="owner">The session that writes the pack.</param>
    /// <param name="buffer">One to use again, if it is large enough.</param>
    public static PackBuilder Create(int packTarget, ChunkKind kind, int firstEnvelope, SessionIdentity owner, byte[]? buffer)
    {
        var target = packTarget / (kind == ChunkKind.Data ? 1 : MetadataShare);
        // Room for padding (12 % of a pack of few chunks) and for a first chunk that is larger than the target.
        var size = Math.Max(target, firstEnvelope + (4 << 10)) / 8 * 9;
        return new PackBuilder(buffer?.Length >= size ? buffer : GC.AllocateUninitializedArray<byte>(size), target, owner);
    }

    /// <summary>Whether another envelope goes in without passing the target. An empty pack takes any that its buffer holds.</summary>
    public bool Takes(int envelopeLength, SessionIdentity sealer)
    {
        var sessions = _sessions.Count + (SessionTable.IndexOf(_sessions, sealer) < 0 ? 1 : 0);
        return sessions <= ushort.MaxValue && _length + envelopeLength + Tail(_chunks.Count + 1, sessions) <= (IsEmpty ? buffer.Length : target);
    }

    public void Add(ReadOnlySpan<byte> envelope, in PackedChunk chunk)
    {
        envelope.CopyTo(buffer.AsSpan(_length));
        _length += envelope.Length;
        _chunks.Add(chunk);
        if (SessionTable.IndexOf(_sessions, chunk.Session) < 0) _sessions.Add(chunk.Session);
    }

    /// <summary>Completes the pack: padding, footer, trailer, header, hash.</summary>
    public SealedPack Complete(EnvelopeCipher cipher, ReadOnlySpan<byte> repositoryId, ulong session)
    {
        var footerOffset = _length;
        var plainLength = PackFooter.LengthOf(_chunks.Count, _sessions.Count);
        var tail = Tail(_chunks.Count, _sessions.Count);
        var padding = Math.Min(PackFooter.PaddingFor(_length + tail, _chunks.Count), buffer.Length - _length - tail);
        plainLength += padding;
        var footerLength = plainLength + EnvelopeCipher.Overhead;
        new ObjectHeader(ObjectKind.Pack, cipher.Identity, (uint)footerLength).Write(repositoryId, buffer);

        var envelope = buffer.AsSpan(footerOffset, footerLength);
        var plain = envelope.Slice(EnvelopeCipher.PayloadOffset, plainLength);
        PackFooter.Encode(_sessions, _chunks, padding, plain);
        cipher.Seal(EnvelopeType.PackFooter, compressed: false, (uint)plainLength, plain, PackFooter.AssociatedData(buffer, footerOffset), envelope);
        PackFooter.WriteTrailer(footerLength, buffer.AsSpan(footerOffset + footerLength));
        var length = footerOffset + footerLength + PackFooter.TrailerLength;

        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        Blake3.Hash(buffer.AsSpan(0, length), hash);
        return new SealedPack(new PackContents(new PackId(session, new ChunkId(hash)), length, _chunks), buffer, length);
    }

    private static int Tail(int chunks, int sessions) => PackFooter.LengthOf(chunks, sessions) + EnvelopeCipher.Overhead + PackFooter.TrailerLength;
}
