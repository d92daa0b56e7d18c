using System.Buffers.Binary;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Index;

/// <summary>A session as index segments and pack footers list it: u16 generation, u8 suite, u8 zero, salt (32).</summary>
internal static class SessionTable
{
    public const int EntryLength = 4 + RootKeys.SaltLength;

    public static void Write(SessionIdentity session, Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(destination, session.Generation);
        destination[2] = (byte)session.Suite;
        destination[3] = 0;
        session.Salt.Span.CopyTo(destination[4..]);
    }

    /// <summary>Where a session is in a list; negative when it is not.</summary>
    public static int IndexOf(IReadOnlyList<SessionIdentity> sessions, SessionIdentity session)
    {
        for (var i = 0; i < sessions.Count; i++)
        {
            if (sessions[i].Salt.Span.SequenceEqual(session.Salt.Span)) return i;
        }

        return -1;
    }

    public static SessionIdentity Read(ReadOnlySpan<byte> entry, string objectKey, long offset)
    {
        var suite = (CipherSuite)entry[2];
        if (!Enum.IsDefined(suite) || entry[3] != 0) throw new RepositoryFormatException(objectKey, offset + 2, $"unknown cipher suite {entry[2]}");
        return new SessionIdentity(BinaryPrimitives.ReadUInt16LittleEndian(entry), suite, entry.Slice(4, RootKeys.SaltLength).ToArray());
    }
}
