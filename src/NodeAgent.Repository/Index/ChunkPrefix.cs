using System.Buffers.Binary;
using System.Runtime.InteropServices;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Index;

/// <summary>The first 20 bytes of a chunk's id, in the order of the bytes: what the index knows a chunk by.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
internal readonly record struct ChunkPrefix(ulong High, ulong Middle, uint Low) : IComparable<ChunkPrefix>
{
    public const int Length = ChunkIndex.PrefixLength;

    public static ChunkPrefix Of(ChunkId id)
    {
        Span<byte> bytes = stackalloc byte[ChunkId.Length];
        id.CopyTo(bytes);
        return Read(bytes);
    }

    public static ChunkPrefix Read(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]), BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]));

    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, High);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], Middle);
        BinaryPrimitives.WriteUInt32BigEndian(destination[16..], Low);
    }

    /// <summary>An id of which only the first 20 bytes are set, as segments give it.</summary>
    public ChunkId ToId()
    {
        Span<byte> bytes = stackalloc byte[ChunkId.Length];
        bytes[Length..].Clear();
        Write(bytes);
        return new ChunkId(bytes);
    }

    public int CompareTo(ChunkPrefix other)
    {
        if (High != other.High) return High < other.High ? -1 : 1;
        if (Middle != other.Middle) return Middle < other.Middle ? -1 : 1;
        return Low.CompareTo(other.Low);
    }
}
