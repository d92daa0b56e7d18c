using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NodeAgent.Repository.Objects;

/// <summary>The identity of a chunk: 32 bytes of keyed BLAKE3 over its plaintext.</summary>
public readonly record struct ChunkId : IComparable<ChunkId>
{
    /// <summary>Bytes in an id.</summary>
    public const int Length = 32;

    private readonly Bytes _bytes;

    /// <summary>Copies an id.</summary>
    /// <param name="bytes">Exactly 32 bytes.</param>
    public ChunkId(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Length)
            throw new ArgumentException($"a chunk id has {Length} bytes, not {bytes.Length}", nameof(bytes));
        _bytes = MemoryMarshal.Read<Bytes>(bytes);
    }

    /// <summary>Writes the 32 bytes to the start of <paramref name="destination"/>.</summary>
    public void CopyTo(Span<byte> destination) => AsSpan(in _bytes).CopyTo(destination);

    /// <summary>The first 8 bytes as a little-endian number: as good as random.</summary>
    public ulong Prefix => BinaryPrimitives.ReadUInt64LittleEndian(AsSpan(in _bytes));

    /// <inheritdoc/>
    public int CompareTo(ChunkId other) => AsSpan(in _bytes).SequenceCompareTo(AsSpan(in other._bytes));

    /// <inheritdoc/>
    public bool Equals(ChunkId other) => AsSpan(in _bytes).SequenceEqual(AsSpan(in other._bytes));

    /// <inheritdoc/>
    public override int GetHashCode() => Prefix.GetHashCode();

    /// <summary>64 lower-case hexadecimal digits.</summary>
    public override string ToString() => Convert.ToHexStringLower(AsSpan(in _bytes));

    /// <summary>Reads 64 hexadecimal digits.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out ChunkId id)
    {
        Span<byte> bytes = stackalloc byte[Length];
        if (text?.Length == 2 * Length && Convert.FromHexString(text, bytes, out _, out _) == System.Buffers.OperationStatus.Done)
        {
            id = new ChunkId(bytes);
            return true;
        }
        id = default;
        return false;
    }

    /// <summary>Whether <paramref name="left"/> sorts first.</summary>
    public static bool operator <(ChunkId left, ChunkId right) => left.CompareTo(right) < 0;

    /// <summary>Whether <paramref name="left"/> sorts last.</summary>
    public static bool operator >(ChunkId left, ChunkId right) => left.CompareTo(right) > 0;

    /// <summary>Whether <paramref name="left"/> does not sort last.</summary>
    public static bool operator <=(ChunkId left, ChunkId right) => left.CompareTo(right) <= 0;

    /// <summary>Whether <paramref name="left"/> does not sort first.</summary>
    public static bool operator >=(ChunkId left, ChunkId right) => left.CompareTo(right) >= 0;

    private static ReadOnlySpan<byte> AsSpan(ref readonly Bytes bytes) =>
        MemoryMarshal.CreateReadOnlySpan(in Unsafe.As<Bytes, byte>(ref Unsafe.AsRef(in bytes)), Length);

    [InlineArray(Length)]
    private struct Bytes
    {
        private byte _first;
    }
}
