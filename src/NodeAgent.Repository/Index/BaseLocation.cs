using System.Buffers.Binary;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Index;

/// <summary>The lengths of one chunk in a base: 25 bits stored length, 25 bits plain length, 2 bits kind, in 7 bytes, little-endian.</summary>
internal readonly record struct BaseLocation(int StoredLength, int PlainLength, ChunkKind Kind)
{
    public const int Length = 7;
    private const int LengthBits = 25;
    private const ulong LengthMask = (1 << LengthBits) - 1;

    public void Write(Span<byte> destination)
    {
        var bits = (uint)StoredLength | ((ulong)(uint)PlainLength << LengthBits) | ((ulong)Kind << (2 * LengthBits));
        for (var i = 0; i < Length; i++) destination[i] = (byte)(bits >> (8 * i));
    }

    public static BaseLocation Read(ReadOnlySpan<byte> source)
    {
        // Two words that share the fourth byte.
        var bits = BinaryPrimitives.ReadUInt32LittleEndian(source) | ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(source[3..]) << 24);
        return new BaseLocation((int)(bits & LengthMask), (int)((bits >> LengthBits) & LengthMask), (ChunkKind)(bits >> (2 * LengthBits)));
    }
}
