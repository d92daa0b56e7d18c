using System.Buffers.Binary;
using NodeAgent.Repository.Crypto;

namespace NodeAgent.Repository.SealedFiles;

/// <summary>The 64 clear bytes in front of a sealed file.</summary>
/// <remarks>
/// <code>
/// offset  size  field                         (integers little-endian)
/// 0       4     magic "NAGF"
/// 4       1     format version, 1
/// 5       1     form (SealedFileForm)
/// 6       2     zero
/// 8       16    id of the repository whose keys it is sealed with
/// 24      2     generation of the root key
/// 26      1     cipher suite
/// 27      5     zero
/// 32      32    salt
/// </code>
/// </remarks>
/// <param name="Form">What the sealed content is.</param>
/// <param name="RepositoryId">16 bytes.</param>
/// <param name="Session">What the file's key is derived from, and its cipher.</param>
public sealed record SealedFileHeader(SealedFileForm Form, ReadOnlyMemory<byte> RepositoryId, SessionIdentity Session)
{
    /// <summary>Bytes of a header.</summary>
    public const int Length = 64;

    private const byte Version = 1;
    private const int RepositoryIdOffset = 8;
    private const int SaltOffset = 32;

    private static ReadOnlySpan<byte> Magic => "NAGF"u8;

    /// <summary>Whether a file that begins like this is a sealed one, of whatever version.</summary>
    public static bool IsAtStartOf(ReadOnlySpan<byte> start) => start.StartsWith(Magic);

    /// <summary>Reads a header.</summary>
    /// <param name="start">The first bytes of a file.</param>
    /// <param name="where">The file, for messages.</param>
    /// <exception cref="InvalidDataException">It is none that this program knows.</exception>
    public static SealedFileHeader Read(ReadOnlySpan<byte> start, string where)
    {
        if (start.Length < Length) throw SealedFile.CutOff(where, start.Length);
        if (!IsAtStartOf(start)) throw new InvalidDataException($"{where} is no encrypted file");
        if (start[4] != Version) throw new InvalidDataException($"{where} is encrypted in version {start[4]} of the format, which needs a newer nodeagent");
        var (form, suite) = ((SealedFileForm)start[5], (CipherSuite)start[26]);
        if (!Enum.IsDefined(form) || !Enum.IsDefined(suite) || start[6..8].ContainsAnyExcept((byte)0) || start[27..SaltOffset].ContainsAnyExcept((byte)0))
            throw SealedFile.Altered(where, 0);
        var session = new SessionIdentity(BinaryPrimitives.ReadUInt16LittleEndian(start[24..]), suite, start.Slice(SaltOffset, RootKeys.SaltLength).ToArray());
        return new SealedFileHeader(form, start.Slice(RepositoryIdOffset, EnvelopeCipher.RepositoryIdLength).ToArray(), session);
    }

    /// <summary>The header as it is stored.</summary>
    public byte[] Encode()
    {
        var header = new byte[Length];
        Magic.CopyTo(header);
        header[4] = Version;
        header[5] = (byte)Form;
        RepositoryId.Span.CopyTo(header.AsSpan(RepositoryIdOffset));
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(24), Session.Generation);
        header[26] = (byte)Session.Suite;
        Session.Salt.Span.CopyTo(header.AsSpan(SaltOffset));
        return header;
    }
}
