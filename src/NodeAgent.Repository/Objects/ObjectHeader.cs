using System.Buffers.Binary;
using NodeAgent.Repository.Crypto;

namespace NodeAgent.Repository.Objects;

/// <summary>The 64 clear bytes in front of every object.</summary>
/// <remarks>
/// <code>
/// offset  size  field                         (integers little-endian)
/// 0       4     magic "NAGT"
/// 4       1     kind (ObjectKind)
/// 5       1     format version, 1
/// 6       2     zero
/// 8       16    repository id
/// 24      2     key generation of the session
/// 26      1     cipher suite of the session; 0 where nothing is sealed by a session
/// 27      1     zero
/// 28      4     body length: of what follows the header; in a pack, of the footer's envelope
/// 32      32    session salt; zero where nothing is sealed by a session
/// </code>
/// </remarks>
public sealed record ObjectHeader(ObjectKind Kind, SessionIdentity Session, uint BodyLength)
{
    /// <summary>Bytes of a header.</summary>
    public const int Length = 64;

    /// <summary>The version that this program reads and writes.</summary>
    public const byte FormatVersion = 1;

    internal const int GenerationOffset = 24;

    private const int RepositoryIdOffset = 8;
    private const int BodyLengthOffset = 28;
    private const int SaltOffset = 32;

    /// <summary>The session of an object that no session sealed.</summary>
    public static SessionIdentity NoSession { get; } = new(0, 0, new byte[RootKeys.SaltLength]);

    /// <summary>Writes the header to the start of <paramref name="destination"/>.</summary>
    public void Write(ReadOnlySpan<byte> repositoryId, Span<byte> destination)
    {
        destination[..Length].Clear();
        "NAGT"u8.CopyTo(destination);
        destination[4] = (byte)Kind;
        destination[5] = FormatVersion;
        repositoryId.CopyTo(destination[RepositoryIdOffset..]);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[24..], Session.Generation);
        destination[26] = (byte)Session.Suite;
        BinaryPrimitives.WriteUInt32LittleEndian(destination[BodyLengthOffset..], BodyLength);
        Session.Salt.Span.CopyTo(destination[SaltOffset..]);
    }

    /// <summary>The repository id of an object whose header has been read.</summary>
    public static ReadOnlySpan<byte> RepositoryId(ReadOnlySpan<byte> content) => content.Slice(RepositoryIdOffset, EnvelopeCipher.RepositoryIdLength);

    /// <summary>Reads and checks a header, the length of the object included.</summary>
    /// <param name="content">At least the header.</param>
    /// <param name="kind">What the object must be.</param>
    /// <param name="repositoryId">Whose it must be; empty when that is not known yet.</param>
    /// <param name="objectLength">Length of the whole object.</param>
    /// <param name="objectKey">For errors.</param>
    /// <exception cref="RepositoryFormatException">It is another object, of a newer version, foreign, or cut short.</exception>
    public static ObjectHeader Read(ReadOnlySpan<byte> content, ObjectKind kind, ReadOnlySpan<byte> repositoryId, long objectLength, string objectKey)
    {
        if (content.Length < Length || objectLength < Length)
            throw new RepositoryFormatException(objectKey, 0, $"the object has {Math.Min(objectLength, content.Length)} bytes, fewer than its header's {Length}: it is truncated");
        if (!content[..4].SequenceEqual("NAGT"u8))
            throw new RepositoryFormatException(objectKey, 0, "this is not an object of a NodeAgent repository");
        if (content[4] != (byte)kind)
            throw new RepositoryFormatException(objectKey, 4, $"the object is of kind {content[4]}, not {(byte)kind} ({kind})");
        if (content[5] != FormatVersion)
            throw new RepositoryFormatException(objectKey, 5, $"the object has format version {content[5]}, which needs a newer nodeagent");
        if (content[6] != 0 || content[7] != 0 || content[27] != 0)
            throw new RepositoryFormatException(objectKey, 6, "reserved bytes are not zero");
        if (!repositoryId.IsEmpty && !RepositoryId(content).SequenceEqual(repositoryId))
            throw new RepositoryFormatException(objectKey, RepositoryIdOffset, $"the object belongs to repository {Convert.ToHexStringLower(RepositoryId(content))}, not to {Convert.ToHexStringLower(repositoryId)}");
        var suite = (CipherSuite)content[26];
        var expectsSession = kind is not (ObjectKind.Config or ObjectKind.Key or ObjectKind.Parity);
        if (expectsSession ? !Enum.IsDefined(suite) : suite != 0)
            throw new RepositoryFormatException(objectKey, 26, $"unknown cipher suite {content[26]}");
        var bodyLength = BinaryPrimitives.ReadUInt32LittleEndian(content[BodyLengthOffset..]);
        if (kind == ObjectKind.Pack ? bodyLength > objectLength - Length : bodyLength != objectLength - Length)
            throw new RepositoryFormatException(objectKey, BodyLengthOffset, $"the object has {objectLength} bytes where its header says {bodyLength} after the header: it is truncated or altered");
        var salt = content.Slice(SaltOffset, RootKeys.SaltLength).ToArray();
        return new ObjectHeader(kind, new SessionIdentity(BinaryPrimitives.ReadUInt16LittleEndian(content[24..]), suite, salt), bodyLength);
    }
}
