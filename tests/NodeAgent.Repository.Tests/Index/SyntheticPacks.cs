using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Tests.Index;

/// <summary>Packs that never were, with random ids.</summary>
internal sealed class SyntheticPacks(Random random)
{
    private readonly List<SessionIdentity> _sessions = [.. Enumerable.Range(0, 3).Select(_ => NewSession(random))];

    public PackContents Next(int chunks) => Of(Enumerable.Range(0, chunks).Select(_ => NewId()));

    public PackContents Of(IEnumerable<ChunkId> ids)
    {
        var chunks = new List<PackedChunk>();
        long size = ObjectHeader.Length;
        var session = _sessions[random.Next(_sessions.Count)];
        foreach (var id in ids)
        {
            if (random.Next(40) == 0) session = _sessions[random.Next(_sessions.Count)];
            var plain = random.Next(16) == 0 ? random.Next(1, ChunkRepository.MaxChunkLength + 1) : random.Next(1, 5000);
            chunks.Add(new PackedChunk(id, (ChunkKind)random.Next(1, 4), session, plain + EnvelopeCipher.Overhead, plain));
            // A pack has less than 4 GiB.
            if ((size += plain + EnvelopeCipher.Overhead) > uint.MaxValue / 2) break;
        }

        return new PackContents(new PackId((ulong)random.NextInt64(), NewId()), size + 500, chunks);
    }

    /// <summary>An id of which, as in segments, only the first 20 bytes are set.</summary>
    public ChunkId NewId()
    {
        Span<byte> bytes = stackalloc byte[ChunkId.Length];
        random.NextBytes(bytes[..ChunkPrefix.Length]);
        bytes[ChunkPrefix.Length..].Clear();
        return new ChunkId(bytes);
    }

    private static SessionIdentity NewSession(Random random)
    {
        var salt = new byte[RootKeys.SaltLength];
        random.NextBytes(salt);
        return new SessionIdentity(0, CipherSuite.Aes256Gcm, salt);
    }
}
