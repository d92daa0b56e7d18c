using System.Buffers.Binary;
using System.Text;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Hashing;
using NodeAgent.Repository.Keys;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository;

/// <summary>A <c>keys/&lt;id&gt;</c> object: the root keys, wrapped for one recipient.</summary>
/// <remarks>
/// <code>
/// offset    size  field
/// 0         64    header (kind 2)
/// 64        8     created, i64 Unix seconds
/// 72        2     length of the label in bytes, at most 256
/// 74        n     label, UTF-8
/// 74 + n          key wrap (KeyWrap); its associated data is every byte of the object before it
/// </code>
/// The id is the first 8 bytes of the BLAKE3 of the object, in hexadecimal.
/// </remarks>
internal static class KeyObject
{
    public const string Prefix = "keys/";
    public const int MaxLength = 128 << 10;
    public const int MaxLabelLength = 256;
    private const int LabelLengthOffset = 72;
    private const int LabelOffset = 74;

    public static (string Key, byte[] Content) Encode(
        ReadOnlySpan<byte> repositoryId, RootKeys keys, RepositorySecret secret, string label, DateTimeOffset created, Argon2Parameters? cost = null)
    {
        var labelBytes = Encoding.UTF8.GetBytes(label);
        if (labelBytes.Length > MaxLabelLength) throw new ArgumentException($"the key's label has {labelBytes.Length} bytes, more than {MaxLabelLength}", nameof(label));
        var start = new byte[LabelOffset + labelBytes.Length];
        BinaryPrimitives.WriteInt64LittleEndian(start.AsSpan(ObjectHeader.Length), created.ToUnixTimeSeconds());
        BinaryPrimitives.WriteUInt16LittleEndian(start.AsSpan(LabelLengthOffset), (ushort)labelBytes.Length);
        labelBytes.CopyTo(start, LabelOffset);
        var bodyLength = start.Length - ObjectHeader.Length + KeyWrap.LengthOf(keys);
        // The header is part of what the wrap binds, so its length field is set before wrapping.
        new ObjectHeader(ObjectKind.Key, ObjectHeader.NoSession, (uint)bodyLength).Write(repositoryId, start);
        byte[] content = [.. start, .. KeyWrap.Wrap(keys, secret, start, cost)];
        return (Prefix + Name(content), content);
    }

    /// <summary>Opens a key object.</summary>
    /// <exception cref="RepositoryFormatException">The object is malformed or another repository's.</exception>
    /// <exception cref="KeyUnwrapException">The secret does not open it.</exception>
    public static RootKeys Open(string key, byte[] content, ReadOnlySpan<byte> repositoryId, RepositorySecret secret)
    {
        var start = content.AsSpan(0, WrapOffset(key, content, repositoryId));
        return KeyWrap.Unwrap(content.AsSpan(start.Length), secret, start);
    }

    /// <summary>What a key object says to everyone; only who opens it knows that it is true.</summary>
    /// <exception cref="RepositoryFormatException">The object is malformed or another repository's.</exception>
    public static KeyInfo Describe(string key, byte[] content, ReadOnlySpan<byte> repositoryId)
    {
        var offset = WrapOffset(key, content, repositoryId);
        var wrap = content.AsSpan(offset);
        var kind = KeyWrap.KindOf(wrap) ?? throw new RepositoryFormatException(key, offset, "the key wrap is not one of ours, or of a newer nodeagent");
        var seconds = BinaryPrimitives.ReadInt64LittleEndian(content.AsSpan(ObjectHeader.Length));
        if (seconds < DateTimeOffset.MinValue.ToUnixTimeSeconds() || seconds > DateTimeOffset.MaxValue.ToUnixTimeSeconds())
            throw new RepositoryFormatException(key, ObjectHeader.Length, $"the time {seconds} is out of bounds");
        return new KeyInfo(key[Prefix.Length..], kind, Encoding.UTF8.GetString(content.AsSpan(LabelOffset, offset - LabelOffset)), DateTimeOffset.FromUnixTimeSeconds(seconds), KeyWrap.GenerationsOf(wrap));
    }

    /// <summary>How many root keys an object holds, by its length; 0 when it is malformed.</summary>
    public static int GenerationsOf(ReadOnlySpan<byte> content)
    {
        if (content.Length < LabelOffset) return 0;
        var offset = LabelOffset + BinaryPrimitives.ReadUInt16LittleEndian(content[LabelLengthOffset..]);
        return offset > content.Length ? 0 : KeyWrap.GenerationsOf(content[offset..]);
    }

    /// <summary>The id that an object of this content has.</summary>
    public static string Name(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        Blake3.Hash(content, hash);
        return Convert.ToHexStringLower(hash[..8]);
    }

    private static int WrapOffset(string key, ReadOnlySpan<byte> content, ReadOnlySpan<byte> repositoryId)
    {
        ObjectHeader.Read(content, ObjectKind.Key, repositoryId, content.Length, key);
        if (content.Length < LabelOffset) throw new RepositoryFormatException(key, content.Length, "the key object is too short");
        var labelLength = BinaryPrimitives.ReadUInt16LittleEndian(content[LabelLengthOffset..]);
        if (labelLength > MaxLabelLength || LabelOffset + labelLength > content.Length)
            throw new RepositoryFormatException(key, LabelLengthOffset, $"the label's length {labelLength} is out of bounds");
        return LabelOffset + labelLength;
    }
}
