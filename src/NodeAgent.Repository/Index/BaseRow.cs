using System.Buffers.Binary;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Index;

/// <summary>A row of a base's pack table: a run of chunks of one pack that one session sealed. Most packs are one row.</summary>
/// <remarks>
/// <code>
/// offset  size  field                       (integers little-endian but for the session's name)
/// 0       8     session in the pack's name, big-endian
/// 8       32    hash in the pack's name
/// 40      4     size of the pack
/// 44      4     offset in the pack of the run's first chunk
/// 48      4     ordinal of the session that sealed the chunks
/// 52      2     chunks, at most 4096
/// 54      6     number of the first one's record among all locations
/// 60      3     ordinal of the segment that names the pack
/// 63      1     1: goes on with the pack of the row before; 2: the pack has other rows that count, these do not
/// </code>
/// </remarks>
internal readonly record struct BaseRow(PackId Pack, uint Size, uint Offset, int Session, int Count, long FirstLocation, int Segment, bool Continues, bool IsRepeated)
{
    public const int Length = 64;
    public const int MaxCount = 4096;

    public void Write(Span<byte> row)
    {
        BinaryPrimitives.WriteUInt64BigEndian(row, Pack.Session);
        Pack.Hash.CopyTo(row[8..]);
        BinaryPrimitives.WriteUInt32LittleEndian(row[40..], Size);
        BinaryPrimitives.WriteUInt32LittleEndian(row[44..], Offset);
        BinaryPrimitives.WriteInt32LittleEndian(row[48..], Session);
        // The upper bytes of each are written over by the next field.
        BinaryPrimitives.WriteUInt64LittleEndian(row[54..], (ulong)FirstLocation);
        BinaryPrimitives.WriteUInt16LittleEndian(row[52..], (ushort)Count);
        BinaryPrimitives.WriteInt32LittleEndian(row[60..], Segment);
        row[63] = (byte)((Continues ? 1 : 0) | (IsRepeated ? 2 : 0));
    }

    public static BaseRow Read(ReadOnlySpan<byte> row) => new(
        new PackId(BinaryPrimitives.ReadUInt64BigEndian(row), new ChunkId(row.Slice(8, ChunkId.Length))),
        BinaryPrimitives.ReadUInt32LittleEndian(row[40..]),
        BinaryPrimitives.ReadUInt32LittleEndian(row[44..]),
        BinaryPrimitives.ReadInt32LittleEndian(row[48..]),
        BinaryPrimitives.ReadUInt16LittleEndian(row[52..]),
        BinaryPrimitives.ReadUInt32LittleEndian(row[54..]) | ((long)BinaryPrimitives.ReadUInt16LittleEndian(row[58..]) << 32),
        BinaryPrimitives.ReadUInt16LittleEndian(row[60..]) | (row[62] << 16),
        (row[63] & 1) != 0,
        (row[63] & 2) != 0);
}
