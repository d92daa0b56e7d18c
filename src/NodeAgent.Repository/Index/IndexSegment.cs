using System.Buffers;
using System.Buffers.Binary;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Index;

/// <summary>The plaintext of an index segment: which chunks lie in which packs.</summary>
/// <remarks>
/// <code>
/// u8 version 1, u8 zero, u16 zero, u32 sessions, u32 packs, u32 superseded
/// sessions x     u16 generation, u8 suite, u8 zero, salt (32)
/// superseded x   hash (32) of a segment that this one replaces
/// packs x        session of the pack's key (8), hash (32), u64 size, u32 chunks, then columns over the chunks:
///                id prefix (20 each), kind (u8 each), session ordinal (u16 each), stored length (u32 each), plain length (u32 each)
/// </code>
/// </remarks>
internal sealed record IndexSegment(IReadOnlyList<PackContents> Packs, IReadOnlyList<ChunkId> Superseded)
{
    public const string Prefix = "index/delta/";
    public const int MaxPlainLength = 64 << 20;
    public const int MaxSessions = ushort.MaxValue;
    private const int FixedLength = 16;
    private const int SessionLength = 4 + RootKeys.SaltLength;
    private const int PackLength = 8 + ChunkId.Length + 8 + 4;
    private const int ChunkLength = ChunkIndex.PrefixLength + 1 + 2 + 4 + 4;

    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789abcdef");

    /// <summary>Bytes of the encoded form, but for the few of the list of sessions.</summary>
    public long PlainLength => FixedLength + ((long)Superseded.Count * ChunkId.Length) + Packs.Sum(p => PackLength + ((long)p.Chunks.Count * ChunkLength));

    public byte[] Encode()
    {
        var sessions = new List<SessionIdentity>();
        var ordinals = new Dictionary<ChunkId, ushort>();
        foreach (var chunk in Packs.SelectMany(p => p.Chunks))
        {
            if (ordinals.TryAdd(SaltOf(chunk.Session), (ushort)sessions.Count)) sessions.Add(chunk.Session);
        }

        if (sessions.Count > MaxSessions) throw new InvalidOperationException($"a segment cannot name chunks of {sessions.Count} sessions");

        var length = FixedLength + (sessions.Count * SessionLength) + (Superseded.Count * ChunkId.Length)
            + Packs.Sum(p => PackLength + (p.Chunks.Count * ChunkLength));
        var plain = new byte[length];
        plain[0] = 1;
        BinaryPrimitives.WriteUInt32LittleEndian(plain.AsSpan(4), (uint)sessions.Count);
        BinaryPrimitives.WriteUInt32LittleEndian(plain.AsSpan(8), (uint)Packs.Count);
        BinaryPrimitives.WriteUInt32LittleEndian(plain.AsSpan(12), (uint)Superseded.Count);
        var at = FixedLength;
        foreach (var session in sessions)
        {
            SessionTable.Write(session, plain.AsSpan(at));
            at += SessionLength;
        }

        foreach (var hash in Superseded)
        {
            hash.CopyTo(plain.AsSpan(at));
            at += ChunkId.Length;
        }

        Span<byte> id = stackalloc byte[ChunkId.Length];
        foreach (var pack in Packs)
        {
            BinaryPrimitives.WriteUInt64BigEndian(plain.AsSpan(at), pack.Pack.Session);
            pack.Pack.Hash.CopyTo(plain.AsSpan(at + 8));
            BinaryPrimitives.WriteUInt64LittleEndian(plain.AsSpan(at + 40), (ulong)pack.Size);
            BinaryPrimitives.WriteUInt32LittleEndian(plain.AsSpan(at + 48), (uint)pack.Chunks.Count);
            at += PackLength;
            var n = pack.Chunks.Count;
            for (var i = 0; i < n; i++)
            {
                var chunk = pack.Chunks[i];
                chunk.Id.CopyTo(id);
                id[..ChunkIndex.PrefixLength].CopyTo(plain.AsSpan(at + (i * ChunkIndex.PrefixLength)));
                plain[at + (n * 20) + i] = (byte)chunk.Kind;
                BinaryPrimitives.WriteUInt16LittleEndian(plain.AsSpan(at + (n * 21) + (i * 2)), ordinals[SaltOf(chunk.Session)]);
                BinaryPrimitives.WriteUInt32LittleEndian(plain.AsSpan(at + (n * 23) + (i * 4)), (uint)chunk.StoredLength);
                BinaryPrimitives.WriteUInt32LittleEndian(plain.AsSpan(at + (n * 27) + (i * 4)), (uint)chunk.PlainLength);
            }

            at += n * ChunkLength;
        }

        return plain;
    }

    public static IndexSegment Decode(ReadOnlySpan<byte> plain, string objectKey)
    {
        if (plain.Length < FixedLength || plain[0] != 1 || plain[1] != 0 || plain[2] != 0 || plain[3] != 0)
            throw Malformed(0, "unknown version of an index segment");
        var sessionCount = BinaryPrimitives.ReadUInt32LittleEndian(plain[4..]);
        var packCount = BinaryPrimitives.ReadUInt32LittleEndian(plain[8..]);
        var supersededCount = BinaryPrimitives.ReadUInt32LittleEndian(plain[12..]);
        // Every count is bounded by the bytes that are there before anything is allocated for it.
        var least = FixedLength + ((ulong)sessionCount * SessionLength) + ((ulong)packCount * PackLength) + ((ulong)supersededCount * ChunkId.Length);
        if (least > (ulong)plain.Length || sessionCount > MaxSessions)
            throw Malformed(4, $"{sessionCount} sessions, {packCount} packs and {supersededCount} superseded segments do not fit {plain.Length} bytes");
        var at = FixedLength;
        var sessions = new SessionIdentity[sessionCount];
        for (var i = 0; i < sessions.Length; i++, at += SessionLength)
            sessions[i] = SessionTable.Read(plain.Slice(at, SessionLength), objectKey, at);
        var superseded = new ChunkId[supersededCount];
        for (var i = 0; i < superseded.Length; i++, at += ChunkId.Length) superseded[i] = new ChunkId(plain.Slice(at, ChunkId.Length));
        var packs = new List<PackContents>((int)packCount);
        Span<byte> id = stackalloc byte[ChunkId.Length];
        for (var p = 0; p < packCount; p++)
        {
            if (plain.Length - at < PackLength) throw Malformed(at, "the segment ends within a pack");
            var pack = new PackId(BinaryPrimitives.ReadUInt64BigEndian(plain[at..]), new ChunkId(plain.Slice(at + 8, ChunkId.Length)));
            var size = BinaryPrimitives.ReadUInt64LittleEndian(plain[(at + 40)..]);
            var count = BinaryPrimitives.ReadUInt32LittleEndian(plain[(at + 48)..]);
            at += PackLength;
            if ((ulong)count * ChunkLength > (ulong)(plain.Length - at) || size > uint.MaxValue)
                throw Malformed(at - 4, $"a pack of {size} bytes and {count} chunks does not fit");
            var n = (int)count;
            var chunks = new PackedChunk[n];
            var total = (ulong)ObjectHeader.Length;
            for (var i = 0; i < n; i++)
            {
                id.Clear();
                plain.Slice(at + (i * ChunkIndex.PrefixLength), ChunkIndex.PrefixLength).CopyTo(id);
                var kind = (ChunkKind)plain[at + (n * 20) + i];
                var session = BinaryPrimitives.ReadUInt16LittleEndian(plain[(at + (n * 21) + (i * 2))..]);
                var stored = BinaryPrimitives.ReadUInt32LittleEndian(plain[(at + (n * 23) + (i * 4))..]);
                var length = BinaryPrimitives.ReadUInt32LittleEndian(plain[(at + (n * 27) + (i * 4))..]);
                total += stored;
                if (!Enum.IsDefined(kind) || session >= sessions.Length || length > ChunkRepository.MaxChunkLength
                    || stored < EnvelopeCipher.Overhead || stored > ChunkEnvelope.MaxLength || total > size)
                    throw Malformed(at + i, $"chunk {i} of pack {pack} is out of bounds");
                chunks[i] = new PackedChunk(new ChunkId(id), kind, sessions[session], (int)stored, (int)length);
            }

            at += n * ChunkLength;
            packs.Add(new PackContents(pack, (long)size, chunks));
        }

        if (at != plain.Length) throw Malformed(at, $"{plain.Length - at} bytes follow the last pack");
        return new IndexSegment(packs, superseded);

        RepositoryFormatException Malformed(long offset, string why) => new(objectKey, offset, why);
    }

    /// <summary>Whether this is the name of a segment: <c>index/delta/&lt;session&gt;-&lt;hash&gt;</c>.</summary>
    public static bool IsKey(string key) =>
        key.Length == Prefix.Length + 16 + 1 + (2 * ChunkId.Length) && key.StartsWith(Prefix, StringComparison.Ordinal) && key[Prefix.Length + 16] == '-'
        && key.AsSpan(Prefix.Length, 16).IndexOfAnyExcept(Digits) < 0 && key.AsSpan(Prefix.Length + 17).IndexOfAnyExcept(Digits) < 0;

    /// <summary>The hash in the name of a segment.</summary>
    public static ChunkId HashOf(string key) =>
        ChunkId.TryParse(key[(Prefix.Length + 17)..], out var hash) ? hash : throw new ArgumentException($"{key} is not the name of an index segment", nameof(key));

    // A salt has the length of an id, and is compared by value in this form.
    private static ChunkId SaltOf(SessionIdentity session) => new(session.Salt.Span);
}
