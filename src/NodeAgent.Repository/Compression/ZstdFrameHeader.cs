using System.Buffers.Binary;

namespace NodeAgent.Repository.Compression;

/// <summary>The header of a zstd frame (RFC 8878, section 3.1.1.1), read to refuse what a repository never holds.</summary>
/// <remarks>
/// <code>
/// offset  size    field
/// 0       4       magic, 0xFD2FB528 little-endian
/// 4       1       descriptor: bits 7-6 content size flag, 5 single segment, 4 unused, 3 reserved, 2 checksum, 1-0 dictionary flag
/// 5       0 or 1  window: bits 7-3 exponent, 2-0 mantissa; absent in a single segment, whose window is its content
/// ..      0..4    dictionary id
/// ..      0..8    content size
/// </code>
/// The library's own limit on windows holds for its streaming interface only, hence this.
/// </remarks>
internal static class ZstdFrameHeader
{
    /// <summary>8 MiB: what level 19 needs, and what RFC 8878 recommends that every decoder supports.</summary>
    public const ulong MaxWindow = 8 << 20;

    private const uint Magic = 0xFD2FB528;

    /// <summary>Whether the frame can be one of ours: no dictionary, no window above 8 MiB, and this content size if it states one.</summary>
    public static bool IsAcceptable(ReadOnlySpan<byte> frame, int contentLength)
    {
        if (frame.Length < 6 || BinaryPrimitives.ReadUInt32LittleEndian(frame) != Magic)
            return false;
        var descriptor = frame[4];
        var singleSegment = (descriptor & 0x20) != 0;
        if ((descriptor & 0x0B) != 0)
            return false;

        var at = 5;
        if (!singleSegment)
        {
            var window = 1UL << (10 + (frame[at] >> 3));
            window += window / 8 * (ulong)(frame[at] & 7);
            if (window > MaxWindow)
                return false;
            at++;
        }

        ReadOnlySpan<byte> size = frame[at..];
        return (descriptor >> 6) switch
        {
            0 => !singleSegment || size[0] == contentLength,
            1 => size.Length >= 2 && BinaryPrimitives.ReadUInt16LittleEndian(size) + 256 == contentLength,
            2 => size.Length >= 4 && BinaryPrimitives.ReadUInt32LittleEndian(size) == (uint)contentLength,
            _ => size.Length >= 8 && BinaryPrimitives.ReadUInt64LittleEndian(size) == (ulong)contentLength,
        };
    }
}
