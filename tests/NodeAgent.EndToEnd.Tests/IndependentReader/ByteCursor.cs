using System.Buffers.Binary;

namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>Reads the format's integers one after another.</summary>
internal sealed class ByteCursor(byte[] data, int position = 0)
{
    public int Position { get; private set; } = position;

    public bool AtEnd => Position == data.Length;

    public byte U8() => data[Position++];

    public ushort U16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    public uint U32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public ulong U64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    public byte[] Take(int count)
    {
        var taken = data[Position..(Position + count)];
        Position += count;
        return taken;
    }

    /// <summary>Reserved bytes.</summary>
    public void Zero(int count)
    {
        if (Take(count).Any(b => b != 0)) throw new InvalidDataException("a reserved byte is not zero");
    }

    /// <summary>Unsigned LEB128, not padded, of at most 64 bits.</summary>
    public ulong Varint()
    {
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var b = U8();
            if ((shift == 63 && b > 1) || (shift > 0 && b == 0)) throw new InvalidDataException("a varint is padded or too long");
            value |= (ulong)(b & 0x7f) << shift;
            if (b < 0x80) return value;
        }
    }

    /// <summary>Zigzag varint.</summary>
    public long Signed()
    {
        var value = Varint();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    public byte[] Counted() => Take((int)Varint());

    public void End(string what)
    {
        if (!AtEnd) throw new InvalidDataException($"{what}: {data.Length - Position} bytes follow its end");
    }
}
