using System.Buffers.Binary;
using System.Security.Cryptography;
using NodeAgent.Repository.Hashing;

namespace NodeAgent.Repository.Index;

/// <summary>The first 512 bytes of a base file; docs/index.md has the table.</summary>
internal sealed record IndexBaseHeader
{
    public const int Length = 512;
    public const int BlockLength = 64 << 10;
    public const int ChecksumLength = 16;
    private const int RegionsAt = 96;
    private const int ChecksumHashAt = RegionsAt + (Regions * 16);
    private const int MacAt = Length - Blake3.HashLength;
    private const int Regions = 9;

    private static ReadOnlySpan<byte> Magic => "NAGTBAS1"u8;

    public required byte[] RepositoryId { get; init; }

    public required long FileLength { get; init; }

    /// <summary>Distinct chunks.</summary>
    public required long Chunks { get; init; }

    /// <summary>Locations: entries of the sorted table.</summary>
    public required long Entries { get; init; }

    public required int Rows { get; init; }

    public required int Packs { get; init; }

    public required int BucketBits { get; init; }

    public required int FilterBits { get; init; }

    /// <summary>Whether several segments name the same pack: which of them it came from is then known of one only.</summary>
    public required bool HasRepeatedPacks { get; init; }

    public required FileRegion Locations { get; init; }

    public required FileRegion RowTable { get; init; }

    public required FileRegion PackOrder { get; init; }

    public required FileRegion Sessions { get; init; }

    public required FileRegion Segments { get; init; }

    public required FileRegion EntryTable { get; init; }

    public required FileRegion Buckets { get; init; }

    public required FileRegion Filters { get; init; }

    public required FileRegion Checksums { get; init; }

    /// <summary>Hash of the checksums of all blocks.</summary>
    public required byte[] ChecksumHash { get; init; }

    public byte[] Encode(byte[] key)
    {
        var header = new byte[Length];
        Magic.CopyTo(header);
        RepositoryId.CopyTo(header.AsSpan(8));
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(24), FileLength);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(32), Chunks);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(40), Entries);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(48), Rows);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(52), Packs);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(56), BucketBits);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(60), FilterBits);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(64), HasRepeatedPacks ? 1 : 0);
        var at = RegionsAt;
        foreach (var region in (FileRegion[])[Locations, RowTable, PackOrder, Sessions, Segments, EntryTable, Buckets, Filters, Checksums])
        {
            BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(at), region.Offset);
            BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(at + 8), region.Length);
            at += 16;
        }

        ChecksumHash.CopyTo(header.AsSpan(ChecksumHashAt));
        Blake3.KeyedHash(key, header.AsSpan(0, MacAt), header.AsSpan(MacAt));
        return header;
    }

    /// <summary>Reads a header; null when it is not one of this version, repository and key. What it says may then be believed.</summary>
    public static IndexBaseHeader? TryDecode(ReadOnlySpan<byte> header, byte[] key, ReadOnlySpan<byte> repositoryId)
    {
        Span<byte> mac = stackalloc byte[Blake3.HashLength];
        if (header.Length != Length || !header[..8].SequenceEqual(Magic) || !header.Slice(8, repositoryId.Length).SequenceEqual(repositoryId)) return null;
        Blake3.KeyedHash(key, header[..MacAt], mac);
        if (!CryptographicOperations.FixedTimeEquals(mac, header[MacAt..])) return null;
        return new IndexBaseHeader
        {
            RepositoryId = repositoryId.ToArray(),
            FileLength = BinaryPrimitives.ReadInt64LittleEndian(header[24..]),
            Chunks = BinaryPrimitives.ReadInt64LittleEndian(header[32..]),
            Entries = BinaryPrimitives.ReadInt64LittleEndian(header[40..]),
            Rows = BinaryPrimitives.ReadInt32LittleEndian(header[48..]),
            Packs = BinaryPrimitives.ReadInt32LittleEndian(header[52..]),
            BucketBits = BinaryPrimitives.ReadInt32LittleEndian(header[56..]),
            FilterBits = BinaryPrimitives.ReadInt32LittleEndian(header[60..]),
            HasRepeatedPacks = BinaryPrimitives.ReadInt32LittleEndian(header[64..]) != 0,
            Locations = Region(header, 0),
            RowTable = Region(header, 1),
            PackOrder = Region(header, 2),
            Sessions = Region(header, 3),
            Segments = Region(header, 4),
            EntryTable = Region(header, 5),
            Buckets = Region(header, 6),
            Filters = Region(header, 7),
            Checksums = Region(header, 8),
            ChecksumHash = header.Slice(ChecksumHashAt, Blake3.HashLength).ToArray(),
        };
    }

    private static FileRegion Region(ReadOnlySpan<byte> header, int region) => new(
        BinaryPrimitives.ReadInt64LittleEndian(header[(RegionsAt + (region * 16))..]), BinaryPrimitives.ReadInt64LittleEndian(header[(RegionsAt + (region * 16) + 8)..]));
}
