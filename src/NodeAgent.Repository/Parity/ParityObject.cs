using System.Buffers.Binary;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Parity;

/// <summary>
/// The parity of one object: a description in pages, the parity blocks, and the pages again in the opposite order. Each page has a hash of its own, so that
/// of two damaged copies the sound pages make a whole.
/// </summary>
/// <remarks>
/// <code>
/// page (4096)    u32 number, 4076 bytes of the description, first 16 bytes of BLAKE3 of what is before
/// description    header (64, kind 9), u8 version 1, u8 zero, u16 data, u16 parity, u16 zero, u32 block length, u32 stripes, u32 length of the object,
///                u32 zero, BLAKE3 of the object (32), then the first 8 bytes of BLAKE3 of each block of the object and of each parity block
/// parity blocks  parity 0 of each stripe, parity 1 of each stripe, ...
/// </code>
/// </remarks>
internal sealed class ParityObject
{
    public const int PageLength = 4096;
    public const int SumLength = 8;
    private const int PageHash = 16;
    private const int PagePayload = PageLength - 4 - PageHash;
    private const int FixedLength = ObjectHeader.Length + 24 + Blake3.HashLength;

    private readonly byte[] _description;
    private readonly ReadOnlyMemory<byte> _blocks;

    private ParityObject(ParityLayout layout, byte[] description, ReadOnlyMemory<byte> blocks) => (Layout, _description, _blocks) = (layout, description, blocks);

    public ParityLayout Layout { get; }

    /// <summary>BLAKE3 of the object that it protects.</summary>
    public ChunkId Hash => new(_description.AsSpan(FixedLength - Blake3.HashLength, Blake3.HashLength));

    /// <summary>The parity of an object.</summary>
    public static byte[] Encode(ReadOnlySpan<byte> content, int percent, ReadOnlySpan<byte> repositoryId)
    {
        var layout = ParityLayout.For(content.Length, percent);
        var description = new byte[DescriptionLength(layout)];
        var pages = PagesOf(description.Length);
        var result = new byte[(2 * pages * PageLength) + layout.ParityBytes];
        var blocks = result.AsSpan(pages * PageLength, layout.ParityBytes);
        for (var stripe = 0; stripe < layout.Stripes; stripe++) EncodeStripe(layout, stripe, content, blocks);

        new ObjectHeader(ObjectKind.Parity, ObjectHeader.NoSession, (uint)(result.Length - ObjectHeader.Length)).Write(repositoryId, description);
        var fields = description.AsSpan(ObjectHeader.Length);
        fields[0] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(fields[2..], (ushort)layout.Data);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[4..], (ushort)layout.Parity);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[8..], (uint)layout.BlockLength);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[12..], (uint)layout.Stripes);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[16..], (uint)layout.Length);
        Blake3.Hash(content, fields.Slice(24, Blake3.HashLength));
        var sums = description.AsSpan(FixedLength);
        for (var i = 0; i < layout.Blocks; i++) Sum(content.Slice(i * layout.BlockLength, layout.LengthOf(i)), sums.Slice(i * SumLength, SumLength));
        for (var i = 0; i < layout.ParityBlocks; i++) Sum(blocks.Slice(i * layout.BlockLength, layout.BlockLength), sums.Slice((layout.Blocks + i) * SumLength, SumLength));

        for (var i = 0; i < pages; i++)
        {
            var page = result.AsSpan(i * PageLength, PageLength);
            WritePage(i, description.AsSpan(i * PagePayload, Math.Min(PagePayload, description.Length - (i * PagePayload))), page);
            page.CopyTo(result.AsSpan(result.Length - ((i + 1) * PageLength), PageLength));
        }

        return result;
    }

    /// <summary>Reads one that may be damaged itself, as far as it can be read.</summary>
    /// <exception cref="RepositoryFormatException">Not even its description can be put together, or it is no such object.</exception>
    public static ParityObject Decode(ReadOnlyMemory<byte> content, ReadOnlySpan<byte> repositoryId, string key)
    {
        var first = Page(content.Span, 0) ?? throw Damaged("both copies of its first page are damaged");
        var layout = ReadFixed(content.Span.Slice(first, PagePayload), repositoryId, key);
        var description = new byte[DescriptionLength(layout)];
        var pages = PagesOf(description.Length);
        for (var i = 0; i < pages; i++)
        {
            var at = Page(content.Span, i) ?? throw Damaged($"both copies of its page {i} are damaged");
            content.Span.Slice(at, Math.Min(PagePayload, description.Length - (i * PagePayload))).CopyTo(description.AsSpan(i * PagePayload));
        }

        var start = pages * PageLength;
        return new ParityObject(layout, description, content.Length <= start ? default : content[start..Math.Min(content.Length, start + layout.ParityBytes)]);

        RepositoryFormatException Damaged(string why) => new(key, 0, $"this parity cannot be used: {why}");
    }

    /// <summary>The object as it was, put together from what is left of it.</summary>
    /// <param name="remains">What is left, each byte in its place; shorter when it was cut.</param>
    /// <param name="damaged">How many of its blocks are not what they were.</param>
    /// <param name="why">When it cannot be put together: by how much.</param>
    public byte[]? TryMend(ReadOnlySpan<byte> remains, out int damaged, out string why)
    {
        damaged = 0;
        why = "";
        var padded = new byte[Layout.Blocks * Layout.BlockLength];
        var isSound = new bool[Layout.Blocks];
        for (var i = 0; i < Layout.Blocks; i++)
        {
            var (at, length) = (i * Layout.BlockLength, Layout.LengthOf(i));
            if (at + length > remains.Length || !IsSum(i, remains.Slice(at, length)))
            {
                damaged++;
                continue;
            }

            remains.Slice(at, length).CopyTo(padded.AsSpan(at));
            isSound[i] = true;
        }

        for (var stripe = 0; stripe < Layout.Stripes && why.Length == 0; stripe++) why = MendStripe(stripe, padded, isSound);
        if (why.Length > 0) return null;
        Array.Resize(ref padded, Layout.Length);
        if (ObjectHash.Of(padded) == Hash) return padded;
        why = "what it gives is not the object that it was made for";
        return null;
    }

    private static void EncodeStripe(ParityLayout layout, int stripe, ReadOnlySpan<byte> content, Span<byte> blocks)
    {
        for (var j = 0; j < layout.Data; j++)
        {
            var block = layout.BlockOf(stripe, j);
            if (block >= layout.Blocks) break;
            var source = content.Slice(block * layout.BlockLength, layout.LengthOf(block));
            for (var r = 0; r < layout.Parity; r++)
                GaloisKernel.MultiplyAdd(ErasureCode.Coefficient(r, j), source, blocks.Slice(((r * layout.Stripes) + stripe) * layout.BlockLength, layout.BlockLength));
        }
    }

    /// <summary>Fills in what a stripe lacks; what is wrong when it lacks too much.</summary>
    private string MendStripe(int stripe, byte[] padded, bool[] isSound)
    {
        var missing = Enumerable.Range(0, Layout.Data).Where(j => Layout.BlockOf(stripe, j) < Layout.Blocks && !isSound[Layout.BlockOf(stripe, j)]).ToList();
        if (missing.Count == 0) return "";
        var parities = Enumerable.Range(0, Layout.Parity).Where(r => ParityBlock(stripe, r) is not null).Take(missing.Count).ToList();
        if (parities.Count < missing.Count) return $"{missing.Count} blocks that belong together are damaged, and {parities.Count} of the {Layout.Parity} that could make up for them are whole";
        var sums = parities.ConvertAll(r =>
        {
            var sum = ParityBlock(stripe, r)!.Value.ToArray();
            for (var j = 0; j < Layout.Data; j++)
            {
                var block = Layout.BlockOf(stripe, j);
                if (block < Layout.Blocks && isSound[block]) GaloisKernel.MultiplyAdd(ErasureCode.Coefficient(r, j), padded.AsSpan(block * Layout.BlockLength, Layout.BlockLength), sum);
            }

            return sum;
        });
        var recovery = ErasureCode.Recovery(missing, parities);
        for (var k = 0; k < missing.Count; k++)
        {
            var target = padded.AsSpan(Layout.BlockOf(stripe, missing[k]) * Layout.BlockLength, Layout.BlockLength);
            for (var i = 0; i < sums.Count; i++) GaloisKernel.MultiplyAdd(recovery[k][i], sums[i], target);
        }

        return "";
    }

    /// <summary>A parity block; null when it is damaged itself.</summary>
    private ReadOnlyMemory<byte>? ParityBlock(int stripe, int parity)
    {
        var index = (parity * Layout.Stripes) + stripe;
        if ((index + 1) * Layout.BlockLength > _blocks.Length) return null;
        var block = _blocks.Slice(index * Layout.BlockLength, Layout.BlockLength);
        if (IsSum(Layout.Blocks + index, block.Span)) return block;
        return null;
    }

    private bool IsSum(int index, ReadOnlySpan<byte> block)
    {
        Span<byte> sum = stackalloc byte[SumLength];
        Sum(block, sum);
        return sum.SequenceEqual(_description.AsSpan(FixedLength + (index * SumLength), SumLength));
    }

    private static void Sum(ReadOnlySpan<byte> block, Span<byte> sum) => Blake3.Hash(block, sum);

    private static int DescriptionLength(ParityLayout layout) => FixedLength + ((layout.Blocks + layout.ParityBlocks) * SumLength);

    private static int PagesOf(int length) => (length + PagePayload - 1) / PagePayload;

    private static void WritePage(int number, ReadOnlySpan<byte> payload, Span<byte> page)
    {
        BinaryPrimitives.WriteInt32LittleEndian(page, number);
        payload.CopyTo(page[4..]);
        Blake3.Hash(page[..^PageHash], page[^PageHash..]);
    }

    /// <summary>Where the payload of a page is, in whichever copy is sound.</summary>
    private static int? Page(ReadOnlySpan<byte> content, int number)
    {
        Span<byte> hash = stackalloc byte[PageHash];
        foreach (var at in (ReadOnlySpan<long>)[(long)number * PageLength, content.Length - ((number + 1L) * PageLength)])
        {
            if (at < 0 || at + PageLength > content.Length) continue;
            var page = content.Slice((int)at, PageLength);
            Blake3.Hash(page[..^PageHash], hash);
            if (BinaryPrimitives.ReadInt32LittleEndian(page) == number && page[^PageHash..].SequenceEqual(hash)) return (int)at + 4;
        }

        return null;
    }

    private static ParityLayout ReadFixed(ReadOnlySpan<byte> description, ReadOnlySpan<byte> repositoryId, string key)
    {
        var length = BinaryPrimitives.ReadUInt32LittleEndian(description[28..]);
        // Its own length may have suffered: the header's word for it is taken.
        ObjectHeader.Read(description, ObjectKind.Parity, repositoryId, ObjectHeader.Length + (long)length, key);
        var fields = description[ObjectHeader.Length..];
        if (fields[0] != 1) throw new RepositoryFormatException(key, ObjectHeader.Length, $"this parity has version {fields[0]}, which needs a newer nodeagent");
        var layout = new ParityLayout(
            (int)Math.Min(int.MaxValue, BinaryPrimitives.ReadUInt32LittleEndian(fields[16..])),
            (int)Math.Min(int.MaxValue, BinaryPrimitives.ReadUInt32LittleEndian(fields[8..])),
            (int)Math.Min(int.MaxValue, BinaryPrimitives.ReadUInt32LittleEndian(fields[12..])),
            BinaryPrimitives.ReadUInt16LittleEndian(fields[2..]),
            BinaryPrimitives.ReadUInt16LittleEndian(fields[4..]));
        if (layout.Check() is { } wrong) throw new RepositoryFormatException(key, ObjectHeader.Length, wrong);
        if (length != (2L * PagesOf(DescriptionLength(layout)) * PageLength) + layout.ParityBytes - ObjectHeader.Length)
            throw new RepositoryFormatException(key, 28, $"this parity says that it has {length} bytes after the header, which is not what its blocks take");
        return layout;
    }
}
