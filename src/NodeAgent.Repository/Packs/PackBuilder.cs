using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Interop;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Packs;

/// <summary>
/// A pack being filled in memory, which it owns until it is complete. Several may seal envelopes into their places at once; everything else is for one thread
/// at a time.
/// </summary>
internal sealed class PackBuilder(PageBuffer buffer, int target, SessionIdentity owner) : IDisposable
{
    /// <summary>Tree pages and lists are small and few: their packs are complete at a quarter of a data pack.</summary>
    private const int MetadataShare = 4;

    private readonly List<SessionIdentity> _sessions = [owner];
    private readonly List<PackedChunk> _chunks = [];
    private int _length = ObjectHeader.Length;
    private int _unsettled;
    private bool _closed;
    private bool _completed;

    public bool IsEmpty => _chunks.Count == 0;

    /// <summary>Whether every place that was reserved holds its envelope.</summary>
    public bool IsSettled => _unsettled == 0;

    /// <summary>A builder of a pack for chunks of a kind.</summary>
    /// <param name="packTarget">Bytes at which a pack of data is complete.</param>
    /// <param name="kind">Of its chunks.</param>
    /// <param name="firstEnvelope">Bytes of the first one.</param>
    /// <param name="owner">The session that writes the pack.</param>
    /// <param name="buffers">Where its memory comes from.</param>
    public static PackBuilder Create(int packTarget, ChunkKind kind, int firstEnvelope, SessionIdentity owner, PackBuffers buffers)
    {
        var target = packTarget / (kind == ChunkKind.Data ? 1 : MetadataShare);
        // Room for padding (12 % of a pack of few chunks) and for a first chunk that is larger than the target.
        var size = Math.Max(target, firstEnvelope + (4 << 10)) / 8 * 9;
        return new PackBuilder(buffers.Take(kind, size), target, owner);
    }

    /// <summary>Whether another envelope goes in without passing the target. An empty pack takes any that its buffer holds.</summary>
    public bool Takes(int envelopeLength, SessionIdentity sealer)
    {
        var sessions = _sessions.Count + (SessionTable.IndexOf(_sessions, sealer) < 0 ? 1 : 0);
        return sessions <= ushort.MaxValue && _length + envelopeLength + Tail(_chunks.Count + 1, sessions) <= (IsEmpty ? buffer.Length : target);
    }

    /// <summary>Adds an envelope.</summary>
    public void Add(ReadOnlySpan<byte> envelope, in PackedChunk chunk)
    {
        envelope.CopyTo(EnvelopeAt(Reserve(chunk), envelope.Length));
        Settle();
    }

    /// <summary>Sets aside the place of an envelope and returns where it is. The pack waits for <see cref="Settle"/>, without which it is never complete.</summary>
    public int Reserve(in PackedChunk chunk)
    {
        var offset = _length;
        _length += chunk.StoredLength;
        _unsettled++;
        _chunks.Add(chunk);
        if (SessionTable.IndexOf(_sessions, chunk.Session) < 0) _sessions.Add(chunk.Session);
        return offset;
    }

    /// <summary>The place of an envelope, for whoever reserved it, on any thread. Valid until it is settled.</summary>
    public Span<byte> EnvelopeAt(int offset, int length) => buffer.Span.Slice(offset, length);

    /// <summary>An envelope is in its place. True when the pack was closed and waited for nothing else: it is the caller's to complete.</summary>
    public bool Settle() => --_unsettled == 0 && _closed;

    /// <summary>No place will be reserved any more. True when nothing is awaited either: it is the caller's to complete.</summary>
    public bool Close()
    {
        _closed = true;
        return IsSettled;
    }

    /// <summary>
    /// Completes the pack: padding, footer, trailer, header, hash. The memory is the pack's as well from then on: whoever puts it decides what becomes of it.
    /// May be called again for another attempt to put it.
    /// </summary>
    public SealedPack Complete(EnvelopeCipher cipher, ReadOnlySpan<byte> repositoryId, ulong session)
    {
        if (!IsSettled) throw new InvalidOperationException($"{_unsettled} of the pack's chunks are still being sealed");
        _completed = true;
        var bytes = buffer.Span;
        var footerOffset = _length;
        var plainLength = PackFooter.LengthOf(_chunks.Count, _sessions.Count);
        var tail = Tail(_chunks.Count, _sessions.Count);
        var padding = Math.Min(PackFooter.PaddingFor(_length + tail, _chunks.Count), bytes.Length - _length - tail);
        plainLength += padding;
        var footerLength = plainLength + EnvelopeCipher.Overhead;
        new ObjectHeader(ObjectKind.Pack, cipher.Identity, (uint)footerLength).Write(repositoryId, bytes);

        var envelope = bytes.Slice(footerOffset, footerLength);
        var plain = envelope.Slice(EnvelopeCipher.PayloadOffset, plainLength);
        PackFooter.Encode(_sessions, _chunks, padding, plain);
        cipher.Seal(EnvelopeType.PackFooter, compressed: false, (uint)plainLength, plain, PackFooter.AssociatedData(bytes, footerOffset), envelope);
        PackFooter.WriteTrailer(footerLength, bytes[(footerOffset + footerLength)..]);
        var length = footerOffset + footerLength + PackFooter.TrailerLength;

        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        Blake3.Hash(bytes[..length], hash);
        return new SealedPack(new PackContents(new PackId(session, new ChunkId(hash)), length, _chunks), buffer, length);
    }

    /// <summary>Gives up a pack that is not in the store. Its memory is left to the collector where somebody may still be sealing into it or, once it was complete, sending it.</summary>
    public void Dispose()
    {
        if (IsSettled && !_completed) ((IDisposable)buffer).Dispose();
        else buffer.Abandon();
    }

    private static int Tail(int chunks, int sessions) => PackFooter.LengthOf(chunks, sessions) + EnvelopeCipher.Overhead + PackFooter.TrailerLength;
}
