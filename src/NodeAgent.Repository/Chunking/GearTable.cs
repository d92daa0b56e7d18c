using System.Buffers.Binary;
using System.Runtime.InteropServices;
using NodeAgent.Repository.Hashing;

namespace NodeAgent.Repository.Chunking;

/// <summary>The 256 secret 64-bit values that a repository's rolling hash adds per byte. Immutable and thread-safe.</summary>
public sealed class GearTable
{
    internal const string Context = "NodeAgent 2026 repository v1 gear table";

    private readonly ulong[] _values;

    private GearTable(ulong[] values) => _values = values;

    internal ReadOnlySpan<ulong> Values => _values;

    /// <summary>Derives the table: 2048 bytes of BLAKE3 key derivation, entry i from bytes 8i to 8i+7, little-endian.</summary>
    /// <param name="chunkerKey">The repository's chunker key, 32 bytes.</param>
    public static GearTable Derive(ReadOnlySpan<byte> chunkerKey)
    {
        if (chunkerKey.Length != Blake3Hasher.KeyLength)
            throw new ArgumentException($"a chunker key has {Blake3Hasher.KeyLength} bytes, not {chunkerKey.Length}", nameof(chunkerKey));
        var values = new ulong[256];
        Span<byte> bytes = MemoryMarshal.AsBytes(values.AsSpan());
        Blake3.DeriveKey(Context, chunkerKey, bytes);
        for (var i = 0; i < values.Length; i++)
            values[i] = BinaryPrimitives.ReadUInt64LittleEndian(bytes.Slice(8 * i, 8));
        return new GearTable(values);
    }

    /// <summary>
    /// The gear hash of all bytes of a name, from h = 0: h = (h &lt;&lt; 1) + table[byte]. Only the last 64 bytes count.
    /// Decides where pages of a directory end.
    /// </summary>
    public ulong HashName(ReadOnlySpan<byte> name)
    {
        ulong hash = 0;
        foreach (var value in name)
            hash = (hash << 1) + _values[value];
        return hash;
    }
}
