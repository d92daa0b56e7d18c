using System.Buffers.Binary;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Tests.Fuzzing;

/// <summary>Changes valid encodings into what damage and malice make of them.</summary>
internal sealed class Mutator(Random random)
{
    private static readonly ulong[] Extremes =
        [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x1_0000, int.MaxValue, 0x8000_0000, uint.MaxValue, 0x1_0000_0000, long.MaxValue, 0x8000_0000_0000_0000, ulong.MaxValue];

    /// <summary>One of the samples with one to four changes; never the sample itself as an array.</summary>
    public byte[] Mutate(IReadOnlyList<byte[]> samples)
    {
        var bytes = samples[random.Next(samples.Count)].ToArray();
        for (var changes = random.Next(1, 5); changes > 0; changes--) bytes = Change(bytes, samples);
        return bytes;
    }

    private byte[] Change(byte[] bytes, IReadOnlyList<byte[]> samples)
    {
        if (bytes.Length == 0) return samples[random.Next(samples.Count)].ToArray();
        var at = random.Next(bytes.Length);
        var length = random.Next(1, Math.Min(bytes.Length - at, 80) + 1);
        switch (random.Next(11))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 1:
                bytes[at] = (byte)random.Next(256);
                return bytes;
            case 2:
                // Structures begin with what describes them: lengths, counts, versions.
                bytes[random.Next(Math.Min(bytes.Length, 16))] = (byte)Extremes[random.Next(Extremes.Length)];
                return bytes;
            case 3:
                return Overwrite(bytes, random.Next(3) == 0 ? random.Next(Math.Min(bytes.Length, 96)) : at);
            case 4:
                return bytes[..at];
            case 5:
                return [.. bytes[..at], .. bytes[(at + length)..]];
            case 6:
                return [.. bytes[..(at + length)], .. bytes[at..]];
            case 7:
                var other = samples[random.Next(samples.Count)];
                return other.Length == 0 ? bytes : [.. bytes[..at], .. other[random.Next(other.Length)..]];
            case 8:
                return [.. bytes[..at], .. LongVarint(), .. bytes[at..]];
            case 9:
                return [.. bytes[..at], .. LongVarint(), .. bytes[(at + 1)..]];
            default:
                random.NextBytes(bytes.AsSpan(at, length));
                return bytes;
        }
    }

    private byte[] Overwrite(byte[] bytes, int at)
    {
        Span<byte> field = stackalloc byte[8];
        var value = random.Next(4) == 0 ? (ulong)(bytes.Length + random.Next(-2, 3)) : Extremes[random.Next(Extremes.Length)] - (ulong)random.Next(2);
        BinaryPrimitives.WriteUInt64LittleEndian(field, value);
        var width = 1 << random.Next(4);
        field[..Math.Min(width, bytes.Length - at)].CopyTo(bytes.AsSpan(at));
        return bytes;
    }

    private byte[] LongVarint()
    {
        Span<byte> varint = stackalloc byte[16];
        var length = Varint.Write(varint, Extremes[random.Next(Extremes.Length)] >> random.Next(3));
        return varint[..length].ToArray();
    }
}
