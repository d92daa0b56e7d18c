using System.Buffers.Binary;
using System.Numerics;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Packs;

/// <summary>What a pack says of itself: enough to rebuild the index from packs alone.</summary>
/// <remarks>
/// <code>
/// u8 version 1, u8 zero, u16 sessions, u32 chunks, u32 padding
/// sessions x  u16 generation, u8 suite, u8 zero, salt (32); the first is the header's
/// columns over the chunks: id (32 each), kind (u8 each), session ordinal (u16 each), stored length (u32 each), plain length (u32 each)
/// padding x   zero
/// </code>
/// Sealed but not compressed, so that the padding reaches the store. At the pack's end, in clear: u32 length of the
/// footer's envelope, u32 its complement, "NAGTPACK".
/// </remarks>
internal static class PackFooter
{
    public const int TrailerLength = 16;
    public const int MaxPlainLength = 64 << 20;
    public const int ChunkLength = ChunkId.Length + 1 + 2 + 4 + 4;
    private const int FixedLength = 12;

    /// <summary>How long a footer without padding is.</summary>
    public static int LengthOf(int chunks, int sessions = 1) => FixedLength + (sessions * SessionTable.EntryLength) + (chunks * ChunkLength);

    /// <summary>
    /// Padding in bytes. A pack of few chunks is padded to a size that shows only its magnitude (Padmé: at most 12 % more),
    /// since its size would come close to a chunk's; the sum of many chunks shows none of them.
    /// </summary>
    public static int PaddingFor(long packLength, int chunks)
    {
        const int many = 16;
        if (chunks >= many || packLength < 2) return 0;
        var exponent = BitOperations.Log2((ulong)packLength);
        var bits = BitOperations.Log2((ulong)exponent) + 1;
        var mask = (1L << Math.Max(exponent - bits, 0)) - 1;
        return (int)(((packLength + mask) & ~mask) - packLength);
    }

    /// <summary>Writes a footer's plaintext.</summary>
    /// <param name="sessions">The sessions that sealed the chunks; the first is the header's.</param>
    /// <param name="chunks">The chunks, in order.</param>
    /// <param name="padding">Bytes of padding.</param>
    /// <param name="plain">Where to.</param>
    public static void Encode(IReadOnlyList<SessionIdentity> sessions, IReadOnlyList<PackedChunk> chunks, int padding, Span<byte> plain)
    {
        plain.Clear();
        plain[0] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(plain[2..], (ushort)sessions.Count);
        BinaryPrimitives.WriteUInt32LittleEndian(plain[4..], (uint)chunks.Count);
        BinaryPrimitives.WriteUInt32LittleEndian(plain[8..], (uint)padding);
        for (var i = 0; i < sessions.Count; i++) SessionTable.Write(sessions[i], plain[(FixedLength + (i * SessionTable.EntryLength))..]);
        var columns = plain[(FixedLength + (sessions.Count * SessionTable.EntryLength))..];
        var n = chunks.Count;
        for (var i = 0; i < n; i++)
        {
            chunks[i].Id.CopyTo(columns[(i * 32)..]);
            columns[(n * 32) + i] = (byte)chunks[i].Kind;
            BinaryPrimitives.WriteUInt16LittleEndian(columns[((n * 33) + (i * 2))..], (ushort)SessionTable.IndexOf(sessions, chunks[i].Session));
            BinaryPrimitives.WriteUInt32LittleEndian(columns[((n * 35) + (i * 4))..], (uint)chunks[i].StoredLength);
            BinaryPrimitives.WriteUInt32LittleEndian(columns[((n * 39) + (i * 4))..], (uint)chunks[i].PlainLength);
        }
    }

    /// <summary>Decodes a footer.</summary>
    /// <param name="plain">The plaintext.</param>
    /// <param name="objectKey">The pack.</param>
    /// <param name="footerOffset">Where the footer's envelope begins: the chunks fill exactly what is before it.</param>
    public static PackedChunk[] Decode(ReadOnlySpan<byte> plain, string objectKey, long footerOffset)
    {
        if (plain.Length < FixedLength || plain[0] != 1 || plain[1] != 0) throw Malformed(0, "unknown version of a pack footer");
        var sessionCount = BinaryPrimitives.ReadUInt16LittleEndian(plain[2..]);
        var count = BinaryPrimitives.ReadUInt32LittleEndian(plain[4..]);
        var padding = BinaryPrimitives.ReadUInt32LittleEndian(plain[8..]);
        var length = FixedLength + (ulong)(sessionCount * SessionTable.EntryLength) + ((ulong)count * ChunkLength) + padding;
        if (sessionCount == 0 || length != (ulong)plain.Length)
            throw Malformed(2, $"{sessionCount} sessions, {count} chunks and {padding} bytes of padding are not the footer's {plain.Length} bytes");
        var sessions = new SessionIdentity[sessionCount];
        for (var i = 0; i < sessions.Length; i++)
        {
            var at = FixedLength + (i * SessionTable.EntryLength);
            sessions[i] = SessionTable.Read(plain.Slice(at, SessionTable.EntryLength), objectKey, footerOffset + at);
        }

        var columns = plain[(FixedLength + (sessionCount * SessionTable.EntryLength))..];
        var n = (int)count;
        var chunks = new PackedChunk[n];
        long offset = ObjectHeader.Length;
        for (var i = 0; i < n; i++)
        {
            var kind = (ChunkKind)columns[(n * 32) + i];
            var session = BinaryPrimitives.ReadUInt16LittleEndian(columns[((n * 33) + (i * 2))..]);
            var stored = BinaryPrimitives.ReadUInt32LittleEndian(columns[((n * 35) + (i * 4))..]);
            var plainLength = BinaryPrimitives.ReadUInt32LittleEndian(columns[((n * 39) + (i * 4))..]);
            offset += stored;
            if (!Enum.IsDefined(kind) || session >= sessions.Length || plainLength > ChunkRepository.MaxChunkLength || stored < EnvelopeCipher.Overhead
                || stored > ChunkEnvelope.MaxLength || offset > footerOffset)
                throw Malformed(i, $"chunk {i} is out of bounds");
            chunks[i] = new PackedChunk(new ChunkId(columns.Slice(i * 32, 32)), kind, sessions[session], (int)stored, (int)plainLength);
        }

        if (offset != footerOffset) throw Malformed(0, $"the chunks end at {offset}, the footer begins at {footerOffset}");
        return chunks;

        RepositoryFormatException Malformed(long at, string why) => new(objectKey, footerOffset + at, why);
    }

    public static void WriteTrailer(int footerLength, Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(destination, (uint)footerLength);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[4..], ~(uint)footerLength);
        "NAGTPACK"u8.CopyTo(destination[8..]);
    }

    /// <summary>The length of the footer's envelope as a trailer gives it.</summary>
    public static uint ReadTrailer(ReadOnlySpan<byte> trailer, string objectKey, long packLength)
    {
        var length = BinaryPrimitives.ReadUInt32LittleEndian(trailer);
        if (BinaryPrimitives.ReadUInt32LittleEndian(trailer[4..]) != ~length || !trailer[8..].SequenceEqual("NAGTPACK"u8))
            throw new RepositoryFormatException(objectKey, packLength - TrailerLength, "the pack does not end as a pack does: it is truncated or altered");
        if (length < EnvelopeCipher.Overhead || length > MaxPlainLength || ObjectHeader.Length + length + TrailerLength > packLength)
            throw new RepositoryFormatException(objectKey, packLength - TrailerLength, $"a footer of {length} bytes does not fit a pack of {packLength}");
        return length;
    }

    /// <summary>What binds a footer to its pack: the header and the footer's offset.</summary>
    public static byte[] AssociatedData(ReadOnlySpan<byte> header, long footerOffset)
    {
        var data = new byte[ObjectHeader.Length + 8];
        header[..ObjectHeader.Length].CopyTo(data);
        BinaryPrimitives.WriteInt64LittleEndian(data.AsSpan(ObjectHeader.Length), footerOffset);
        return data;
    }
}
