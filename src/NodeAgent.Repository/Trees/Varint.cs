namespace NodeAgent.Repository.Trees;

/// <summary>Unsigned LEB128 of at most 10 bytes without padding, and zigzag for signed values.</summary>
internal static class Varint
{
    /// <summary>Writes <paramref name="value"/> and returns how many bytes that took.</summary>
    public static int Write(Span<byte> destination, ulong value)
    {
        var length = 0;
        while (value >= 0x80)
        {
            destination[length++] = (byte)(value | 0x80);
            value >>= 7;
        }
        destination[length++] = (byte)value;
        return length;
    }

    public static int Length(ulong value)
    {
        var length = 1;
        for (; value >= 0x80; value >>= 7)
            length++;
        return length;
    }

    public static ulong ZigZag(long value) => (ulong)((value << 1) ^ (value >> 63));

    public static long UnZigZag(ulong value) => (long)(value >> 1) ^ -(long)(value & 1);
}
