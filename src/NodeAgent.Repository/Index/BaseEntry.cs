using System.Buffers.Binary;

namespace NodeAgent.Repository.Index;

/// <summary>One location in a base: a chunk, and where in which row of the pack table its lengths are.</summary>
internal readonly record struct BaseEntry(ChunkPrefix Id, int Row, ushort Slot) : IComparable<BaseEntry>
{
    /// <summary>Bytes as written to a spill file.</summary>
    public const int SpillLength = ChunkPrefix.Length + 6;

    /// <summary>Bytes in a base: the first two of the id follow from where the entry stands.</summary>
    public const int Length = SpillLength - 2;

    public int CompareTo(BaseEntry other)
    {
        var byId = Id.CompareTo(other.Id);
        if (byId != 0) return byId;
        return Row == other.Row ? Slot.CompareTo(other.Slot) : Row.CompareTo(other.Row);
    }

    public void Spill(Span<byte> destination)
    {
        Id.Write(destination);
        BinaryPrimitives.WriteInt32LittleEndian(destination[ChunkPrefix.Length..], Row);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[(ChunkPrefix.Length + 4)..], Slot);
    }

    public static BaseEntry ReadSpilled(ReadOnlySpan<byte> source) => new(
        ChunkPrefix.Read(source), BinaryPrimitives.ReadInt32LittleEndian(source[ChunkPrefix.Length..]), BinaryPrimitives.ReadUInt16LittleEndian(source[(ChunkPrefix.Length + 4)..]));

    /// <summary>Reads one of a base.</summary>
    /// <param name="source">The entry.</param>
    /// <param name="firstTwo">The first two bytes of the id.</param>
    public static BaseEntry Read(ReadOnlySpan<byte> source, ushort firstTwo)
    {
        var high = ((ulong)firstTwo << 48) | (BinaryPrimitives.ReadUInt64BigEndian(source) >> 16);
        var id = new ChunkPrefix(high, BinaryPrimitives.ReadUInt64BigEndian(source[6..]), BinaryPrimitives.ReadUInt32BigEndian(source[14..]));
        return new BaseEntry(id, BinaryPrimitives.ReadInt32LittleEndian(source[18..]), BinaryPrimitives.ReadUInt16LittleEndian(source[22..]));
    }
}
