using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace NodeAgent.Repository.Parity;

/// <summary>
/// Adds a multiple of one block to another: all the work of the code. A product is the sum of the products of the two halves of a byte, which are
/// looked up in tables of 16, one instruction for 16 or 32 bytes.
/// </summary>
/// <remarks>Speed: bench/NodeAgent.Benchmarks, <c>ParityBenchmark</c>.</remarks>
internal static class GaloisKernel
{
    private const int TableLength = 32;

    /// <summary>For each factor the products of 0 to 15, then those of 0x00, 0x10 to 0xf0.</summary>
    private static readonly byte[] Tables = MakeTables();

    /// <summary>The widest that this machine has.</summary>
    public static GaloisKernelKind Best { get; } = Enum.GetValues<GaloisKernelKind>().Where(IsSupported).Max();

    public static bool IsSupported(GaloisKernelKind kind) => kind switch
    {
        GaloisKernelKind.Vector256 => Avx2.IsSupported,
        GaloisKernelKind.Vector128 => Ssse3.IsSupported || AdvSimd.Arm64.IsSupported,
        _ => true,
    };

    /// <summary>target += factor × source. The target is at least as long as the source; what is beyond stays.</summary>
    public static void MultiplyAdd(byte factor, ReadOnlySpan<byte> source, Span<byte> target) => MultiplyAdd(Best, factor, source, target);

    public static void MultiplyAdd(GaloisKernelKind kind, byte factor, ReadOnlySpan<byte> source, Span<byte> target)
    {
        if (factor == 0) return;
        target = target[..source.Length];
        var table = Tables.AsSpan(factor * TableLength, TableLength);
        var done = kind switch
        {
            GaloisKernelKind.Vector256 => By32(table, source, target),
            GaloisKernelKind.Vector128 => By16(table, source, target),
            _ => 0,
        };
        for (var i = done; i < source.Length; i++) target[i] ^= (byte)(table[source[i] & 0xf] ^ table[16 + (source[i] >> 4)]);
    }

    private static int By32(ReadOnlySpan<byte> table, ReadOnlySpan<byte> source, Span<byte> target)
    {
        var lowTable = Vector256.Create(Vector128.Create(table[..16]));
        var highTable = Vector256.Create(Vector128.Create(table[16..]));
        var half = Vector256.Create((byte)0xf);
        ref var from = ref MemoryMarshal.GetReference(source);
        ref var to = ref MemoryMarshal.GetReference(target);
        nuint i = 0;
        for (; i + 32 <= (nuint)source.Length; i += 32)
        {
            var value = Vector256.LoadUnsafe(ref from, i);
            var low = Avx2.Shuffle(lowTable, value & half);
            var high = Avx2.Shuffle(highTable, (value.AsUInt16() >> 4).AsByte() & half);
            (Vector256.LoadUnsafe(ref to, i) ^ low ^ high).StoreUnsafe(ref to, i);
        }

        return (int)i;
    }

    private static int By16(ReadOnlySpan<byte> table, ReadOnlySpan<byte> source, Span<byte> target)
    {
        var lowTable = Vector128.Create(table[..16]);
        var highTable = Vector128.Create(table[16..]);
        var half = Vector128.Create((byte)0xf);
        ref var from = ref MemoryMarshal.GetReference(source);
        ref var to = ref MemoryMarshal.GetReference(target);
        nuint i = 0;
        for (; i + 16 <= (nuint)source.Length; i += 16)
        {
            var value = Vector128.LoadUnsafe(ref from, i);
            var low = LookUp(lowTable, value & half);
            var high = LookUp(highTable, (value.AsUInt16() >> 4).AsByte() & half);
            (Vector128.LoadUnsafe(ref to, i) ^ low ^ high).StoreUnsafe(ref to, i);
        }

        return (int)i;
    }

    private static Vector128<byte> LookUp(Vector128<byte> table, Vector128<byte> index) =>
        Ssse3.IsSupported ? Ssse3.Shuffle(table, index) : AdvSimd.Arm64.VectorTableLookup(table, index);

    private static byte[] MakeTables()
    {
        var tables = new byte[256 * TableLength];
        for (var factor = 0; factor < 256; factor++)
        {
            for (var i = 0; i < 16; i++)
            {
                tables[(factor * TableLength) + i] = GaloisField.Multiply((byte)factor, (byte)i);
                tables[(factor * TableLength) + 16 + i] = GaloisField.Multiply((byte)factor, (byte)(i << 4));
            }
        }

        return tables;
    }
}
