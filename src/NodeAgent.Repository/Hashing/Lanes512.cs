using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NodeAgent.Repository.Hashing;

/// <summary>Sixteen inputs at once: AVX-512.</summary>
internal readonly struct Lanes512 : ILaneOperations<Vector512<uint>>
{
    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Create(uint value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<uint> Low, Vector512<uint> High) Counters(ulong counter, uint step)
    {
        (Vector256<uint> low0, Vector256<uint> high0) = Lanes256.Counters(counter, step);
        (Vector256<uint> low1, Vector256<uint> high1) = Lanes256.Counters(counter + (8 * (ulong)step), step);
        return (Vector512.Create(low0, low1), Vector512.Create(high0, high1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Add(Vector512<uint> left, Vector512<uint> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Xor(Vector512<uint> left, Vector512<uint> right) => left ^ right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> RotateRight16(Vector512<uint> value) => Avx512F.RotateRight(value, 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> RotateRight12(Vector512<uint> value) => Avx512F.RotateRight(value, 12);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> RotateRight8(Vector512<uint> value) => Avx512F.RotateRight(value, 8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> RotateRight7(Vector512<uint> value) => Avx512F.RotateRight(value, 7);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void LoadMessage(ref byte source, ref nuint offsets, ref Vector512<uint> message)
    {
        // Four by four words first, within each quarter of a vector: quarter q of rows 4i..4i+3 becomes words 4q..4q+3 of
        // lanes 4i..4i+3.
        for (nint i = 0; i < 4; i++)
        {
            ref nuint row = ref Unsafe.Add(ref offsets, i * 4);
            Vector512<uint> a = Vector512.LoadUnsafe(ref source, row).AsUInt32();
            Vector512<uint> b = Vector512.LoadUnsafe(ref source, Unsafe.Add(ref row, 1)).AsUInt32();
            Vector512<uint> c = Vector512.LoadUnsafe(ref source, Unsafe.Add(ref row, 2)).AsUInt32();
            Vector512<uint> d = Vector512.LoadUnsafe(ref source, Unsafe.Add(ref row, 3)).AsUInt32();
            Vector512<ulong> ab0 = Avx512F.UnpackLow(a, b).AsUInt64();
            Vector512<ulong> ab1 = Avx512F.UnpackHigh(a, b).AsUInt64();
            Vector512<ulong> cd0 = Avx512F.UnpackLow(c, d).AsUInt64();
            Vector512<ulong> cd1 = Avx512F.UnpackHigh(c, d).AsUInt64();
            ref Vector512<uint> to = ref Unsafe.Add(ref message, i * 4);
            to = Avx512F.UnpackLow(ab0, cd0).AsUInt32();
            Unsafe.Add(ref to, 1) = Avx512F.UnpackHigh(ab0, cd0).AsUInt32();
            Unsafe.Add(ref to, 2) = Avx512F.UnpackLow(ab1, cd1).AsUInt32();
            Unsafe.Add(ref to, 3) = Avx512F.UnpackHigh(ab1, cd1).AsUInt32();
        }

        // Then the quarters themselves, four by four: vector j of each group holds word 4q + j in quarter q.
        for (nint j = 0; j < 4; j++)
        {
            ref Vector512<uint> column = ref Unsafe.Add(ref message, j);
            (column, Unsafe.Add(ref column, 4), Unsafe.Add(ref column, 8), Unsafe.Add(ref column, 12)) =
                TransposeQuarters(column, Unsafe.Add(ref column, 4), Unsafe.Add(ref column, 8), Unsafe.Add(ref column, 12));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void StoreChaining(ref Vector512<uint> chaining, ref uint output)
    {
        // Words 0..3 and 4..7 of four lanes at a time: the same four-by-four steps, half as wide as a message.
        for (nint half = 0; half < 2; half++)
        {
            ref Vector512<uint> from = ref Unsafe.Add(ref chaining, half * 4);
            Vector512<ulong> ab0 = Avx512F.UnpackLow(from, Unsafe.Add(ref from, 1)).AsUInt64();
            Vector512<ulong> ab1 = Avx512F.UnpackHigh(from, Unsafe.Add(ref from, 1)).AsUInt64();
            Vector512<ulong> cd0 = Avx512F.UnpackLow(Unsafe.Add(ref from, 2), Unsafe.Add(ref from, 3)).AsUInt64();
            Vector512<ulong> cd1 = Avx512F.UnpackHigh(Unsafe.Add(ref from, 2), Unsafe.Add(ref from, 3)).AsUInt64();
            StoreQuarters(Avx512F.UnpackLow(ab0, cd0).AsUInt32(), ref output, 0, half);
            StoreQuarters(Avx512F.UnpackHigh(ab0, cd0).AsUInt32(), ref output, 1, half);
            StoreQuarters(Avx512F.UnpackLow(ab1, cd1).AsUInt32(), ref output, 2, half);
            StoreQuarters(Avx512F.UnpackHigh(ab1, cd1).AsUInt32(), ref output, 3, half);
        }
    }

    // Quarter q holds four words of lane 4q + row.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreQuarters(Vector512<uint> value, ref uint output, nint row, nint half)
    {
        ref uint to = ref Unsafe.Add(ref output, (row * 8) + (half * 4));
        value.GetLower().GetLower().StoreUnsafe(ref to);
        value.GetLower().GetUpper().StoreUnsafe(ref to, 32);
        value.GetUpper().GetLower().StoreUnsafe(ref to, 64);
        value.GetUpper().GetUpper().StoreUnsafe(ref to, 96);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<uint> A, Vector512<uint> B, Vector512<uint> C, Vector512<uint> D) TransposeQuarters(
        Vector512<uint> a, Vector512<uint> b, Vector512<uint> c, Vector512<uint> d)
    {
        Vector512<uint> ab0 = Avx512F.Shuffle4x128(a, b, 0x88);
        Vector512<uint> ab1 = Avx512F.Shuffle4x128(a, b, 0xDD);
        Vector512<uint> cd0 = Avx512F.Shuffle4x128(c, d, 0x88);
        Vector512<uint> cd1 = Avx512F.Shuffle4x128(c, d, 0xDD);
        return (
            Avx512F.Shuffle4x128(ab0, cd0, 0x88),
            Avx512F.Shuffle4x128(ab1, cd1, 0x88),
            Avx512F.Shuffle4x128(ab0, cd0, 0xDD),
            Avx512F.Shuffle4x128(ab1, cd1, 0xDD));
    }
}
