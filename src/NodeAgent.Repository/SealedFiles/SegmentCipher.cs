using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using NodeAgent.Repository.Compression;
using NodeAgent.Repository.Crypto;

namespace NodeAgent.Repository.SealedFiles;

/// <summary>Seals and opens the segments of one file. For one thread; what it returns is valid until the next call.</summary>
/// <remarks>
/// <code>
/// offset  size  field of a segment           (integers little-endian)
/// 0       4     length n of the text; the top bit is set in the last segment
/// 4       n     text, encrypted: u8 compression (0 none, 1 zstd), 3 zero, u32 plain length, payload
/// 4 + n   16    tag
/// </code>
/// Nonce: 4 zero bytes, then the segment's number. Associated data: the file's header, u8 1 in the last segment and else 0, the file's name.
/// </remarks>
internal sealed class SegmentCipher : IDisposable
{
    /// <summary>Bytes of content in every segment but the last.</summary>
    public const int ContentLength = 1 << 20;

    public const int PrefixLength = 4;
    public const int MaxTextLength = InnerLength + ContentLength;

    private const uint LastFlag = 1u << 31;
    private const int InnerLength = 8;

    // As the engine's chunks.
    private const int CompressionLevel = 3;

    private readonly AeadInstance _aead;
    private readonly ZstdCodec _zstd = new();
    private readonly byte[] _associatedData;
    private readonly byte[] _segment = new byte[PrefixLength + MaxTextLength + AeadInstance.TagLength];
    private readonly byte[] _text = new byte[MaxTextLength];
    private readonly byte[] _content = new byte[ContentLength];

    public SegmentCipher(SealedFileHeader header, SealedFileKey key, string name)
    {
        _aead = new AeadInstance(header.Session.Suite, key.Bytes);
        _associatedData = [.. header.Encode(), 0, .. Encoding.UTF8.GetBytes(name)];
    }

    /// <summary>Where the text and tag of the segment that is to be opened next are put.</summary>
    public Memory<byte> Buffer => _segment.AsMemory(PrefixLength);

    /// <summary>What a segment's first bytes say; null when they are those of none.</summary>
    public static (int StoredLength, bool IsLast)? ReadPrefix(ReadOnlySpan<byte> prefix)
    {
        var word = BinaryPrimitives.ReadUInt32LittleEndian(prefix);
        var length = word & ~LastFlag;
        return length is >= InnerLength and <= MaxTextLength ? ((int)length + AeadInstance.TagLength, (word & LastFlag) != 0) : null;
    }

    public ReadOnlyMemory<byte> Seal(ReadOnlySpan<byte> content, ulong number, bool isLast)
    {
        var text = _segment.AsSpan(PrefixLength, MaxTextLength);
        var compressed = _zstd.Compress(content, text[InnerLength..], CompressionLevel);
        if (compressed == 0) content.CopyTo(text[InnerLength..]);
        text[..InnerLength].Clear();
        text[0] = (byte)(compressed == 0 ? 0 : 1);
        BinaryPrimitives.WriteUInt32LittleEndian(text[4..], (uint)content.Length);
        var length = InnerLength + (compressed == 0 ? content.Length : compressed);
        BinaryPrimitives.WriteUInt32LittleEndian(_segment, (uint)length | (isLast ? LastFlag : 0));
        Span<byte> nonce = stackalloc byte[AeadInstance.NonceLength];
        _aead.Encrypt(Nonce(nonce, number), text[..length], _segment.AsSpan(PrefixLength + length, AeadInstance.TagLength), AssociatedData(isLast));
        return _segment.AsMemory(0, PrefixLength + length + AeadInstance.TagLength);
    }

    /// <summary>Opens the segment that stands in <see cref="Buffer"/>.</summary>
    /// <returns>Null when it is not what was sealed as this segment of this file.</returns>
    public ReadOnlyMemory<byte>? Open(int storedLength, ulong number, bool isLast)
    {
        var text = _text.AsSpan(0, storedLength - AeadInstance.TagLength);
        Span<byte> nonce = stackalloc byte[AeadInstance.NonceLength];
        try
        {
            var stored = _segment.AsSpan(PrefixLength, storedLength);
            _aead.Decrypt(Nonce(nonce, number), stored[..text.Length], stored[text.Length..], text, AssociatedData(isLast));
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }

        var plainLength = BinaryPrimitives.ReadUInt32LittleEndian(text[4..]);
        if (text[1..4].ContainsAnyExcept((byte)0) || plainLength > ContentLength || (!isLast && plainLength != ContentLength)) return null;
        var payload = text[InnerLength..];
        return text[0] switch
        {
            0 when payload.Length == plainLength => _text.AsMemory(InnerLength, payload.Length),
            1 when _zstd.TryDecompress(payload, _content.AsSpan(0, (int)plainLength)) => _content.AsMemory(0, (int)plainLength),
            _ => null,
        };
    }

    public void Dispose()
    {
        _aead.Dispose();
        _zstd.Dispose();
    }

    private static Span<byte> Nonce(Span<byte> nonce, ulong number)
    {
        nonce[..4].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(nonce[4..], number);
        return nonce;
    }

    private byte[] AssociatedData(bool isLast)
    {
        _associatedData[SealedFileHeader.Length] = isLast ? (byte)1 : (byte)0;
        return _associatedData;
    }
}
