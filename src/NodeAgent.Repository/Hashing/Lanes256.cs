using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NodeAgent.Repository.Hashing;

/// <summary>Eight inputs at once: AVX2.</summary>
internal readonly struct Lanes256 : ILaneOperations<Vector256<uint>>
{
    public static int Count => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Create(uint value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<uint> Low, Vector256<uint> High) Counters(ulong counter, uint step)
    {
        (Vector128<uint> low0, Vector128<uint> high0) = Lanes128.Counters(counter, step);
        (Vector128<uint> low1, Vector128<uint> high1) = Lanes128.Counters(counter + (4 * (ulong)step), step);
        return (Vector256.Create(low0, low1), Vector256.Create(high0, high1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Add(Vector256<uint> left, Vector256<uint> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Xor(Vector256<uint> left, Vector256<uint> right) => left ^ right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> RotateRight16(Vector256<uint> value) => Avx512F.VL.IsSupported
        ? Avx512F.VL.RotateRight(value, 16)
        : Avx2.Shuffle(value.AsByte(), Vector256.Create((byte)2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> RotateRight12(Vector256<uint> value) => Avx512F.VL.IsSupported
        ? Avx512F.VL.RotateRight(value, 12)
        : (value >>> 12) | (value << 20);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> RotateRight8(Vector256<uint> value) => Avx512F.VL.IsSupported
        ? Avx512F.VL.RotateRight(value, 8)
        : Avx2.Shuffle(value.AsByte(), Vector256.Create((byte)1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12)).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> RotateRight7(Vector256<uint> value) => Avx512F.VL.IsSupported
        ? Avx512F.VL.RotateRight(value, 7)
        : (value >>> 7) | (value << 25);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void LoadMessage(ref byte source, ref nuint offsets, ref Vector256<uint> message)
    {
        for (nuint half = 0; half < 2; half++)
        {
            ref byte from = ref Unsafe.AddByteOffset(ref source, half * 32);
            ref Vector256<uint> to = ref Unsafe.Add(ref message, (nint)half * 8);
            to = Vector256.LoadUnsafe(ref from, offsets).AsUInt32();
            Unsafe.Add(ref to, 1) = Vector256.LoadUnsafe(ref from, Unsafe.Add(ref offsets, 1)).AsUInt32();
            Unsafe.Add(ref to, 2) = Vector256.LoadUnsafe(ref from, Unsafe.Add(ref offsets, 2)).AsUInt32();
            Unsafe.Add(ref to, 3) = Vector256.LoadUnsafe(ref from, Unsafe.Add(ref offsets, 3)).AsUInt32();
            Unsafe.Add(ref to, 4) = Vector256.LoadUnsafe(ref from, Unsafe.Add(ref offsets, 4)).AsUInt32();
            Unsafe.Add(ref to, 5) = Vector256.LoadUnsafe(ref from, Unsafe.Add(ref offsets, 5)).AsUInt32();
            Unsafe.Add(ref to, 6) = Vector256.LoadUnsafe(ref from, Unsafe.Add(ref offsets, 6)).AsUInt32();
            Unsafe.Add(ref to, 7) = Vector256.LoadUnsafe(ref from, Unsafe.Add(ref offsets, 7)).AsUInt32();
            Transpose(ref to);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void StoreChaining(ref Vector256<uint> chaining, ref uint output)
    {
        Transpose(ref chaining);
        for (nuint lane = 0; lane < 8; lane++)
            Unsafe.Add(ref chaining, (nint)lane).StoreUnsafe(ref output, lane * 8);
    }

    // Eight by eight words in place: by words, then by double words, then by halves.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(ref Vector256<uint> v)
    {
        Vector256<ulong> a0 = Avx2.UnpackLow(v, Unsafe.Add(ref v, 1)).AsUInt64();
        Vector256<ulong> a1 = Avx2.UnpackHigh(v, Unsafe.Add(ref v, 1)).AsUInt64();
        Vector256<ulong> a2 = Avx2.UnpackLow(Unsafe.Add(ref v, 2), Unsafe.Add(ref v, 3)).AsUInt64();
        Vector256<ulong> a3 = Avx2.UnpackHigh(Unsafe.Add(ref v, 2), Unsafe.Add(ref v, 3)).AsUInt64();
        Vector256<ulong> a4 = Avx2.UnpackLow(Unsafe.Add(ref v, 4), Unsafe.Add(ref v, 5)).AsUInt64();
        Vector256<ulong> a5 = Avx2.UnpackHigh(Unsafe.Add(ref v, 4), Unsafe.Add(ref v, 5)).AsUInt64();
        Vector256<ulong> a6 = Avx2.UnpackLow(Unsafe.Add(ref v, 6), Unsafe.Add(ref v, 7)).AsUInt64();
        Vector256<ulong> a7 = Avx2.UnpackHigh(Unsafe.Add(ref v, 6), Unsafe.Add(ref v, 7)).AsUInt64();

        Vector256<uint> b0 = Avx2.UnpackLow(a0, a2).AsUInt32();
        Vector256<uint> b1 = Avx2.UnpackHigh(a0, a2).AsUInt32();
        Vector256<uint> b2 = Avx2.UnpackLow(a1, a3).AsUInt32();
        Vector256<uint> b3 = Avx2.UnpackHigh(a1, a3).AsUInt32();
        Vector256<uint> b4 = Avx2.UnpackLow(a4, a6).AsUInt32();
        Vector256<uint> b5 = Avx2.UnpackHigh(a4, a6).AsUInt32();
        Vector256<uint> b6 = Avx2.UnpackLow(a5, a7).AsUInt32();
        Vector256<uint> b7 = Avx2.UnpackHigh(a5, a7).AsUInt32();

        v = Avx2.Permute2x128(b0, b4, 0x20);
        Unsafe.Add(ref v, 1) = Avx2.Permute2x128(b1, b5, 0x20);
        Unsafe.Add(ref v, 2) = Avx2.Permute2x128(b2, b6, 0x20);
        Unsafe.Add(ref v, 3) = Avx2.Permute2x128(b3, b7, 0x20);
        Unsafe.Add(ref v, 4) = Avx2.Permute2x128(b0, b4, 0x31);
        Unsafe.Add(ref v, 5) = Avx2.Permute2x128(b1, b5, 0x31);
        Unsafe.Add(ref v, 6) = Avx2.Permute2x128(b2, b6, 0x31);
        Unsafe.Add(ref v, 7) = Avx2.Permute2x128(b3, b7, 0x31);
    }
}
