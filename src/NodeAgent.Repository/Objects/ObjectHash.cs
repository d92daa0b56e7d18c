using NodeAgent.Repository.Hashing;

namespace NodeAgent.Repository.Objects;

/// <summary>The hash that most objects are named by.</summary>
internal static class ObjectHash
{
    private const int Digits = 2 * ChunkId.Length;

    /// <summary>BLAKE3 of an object.</summary>
    public static ChunkId Of(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[Blake3.HashLength];
        Blake3.Hash(content, hash);
        return new ChunkId(hash);
    }

    /// <summary>The hash at the end of an object's name; null when there is none.</summary>
    public static ChunkId? In(string key) => key.Length > Digits && ChunkId.TryParse(key[^Digits..], out var id) ? id : null;
}
