using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NodeAgent.Repository.Hashing;

/// <summary>Four inputs at once: SSE on x64, AdvSimd on Arm64.</summary>
internal readonly struct Lanes128 : ILaneOperations<Vector128<uint>>
{
    public static int Count => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Create(uint value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<uint> Low, Vector128<uint> High) Counters(ulong counter, uint step)
    {
        ulong c1 = counter + step, c2 = counter + (2 * (ulong)step), c3 = counter + (3 * (ulong)step);
        return (
            Vector128.Create((uint)counter, (uint)c1, (uint)c2, (uint)c3),
            Vector128.Create((uint)(counter >> 32), (uint)(c1 >> 32), (uint)(c2 >> 32), (uint)(c3 >> 32)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Add(Vector128<uint> left, Vector128<uint> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Xor(Vector128<uint> left, Vector128<uint> right) => left ^ right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> RotateRight16(Vector128<uint> value) => Avx512F.VL.IsSupported
        ? Avx512F.VL.RotateRight(value, 16)
        : Vector128.Shuffle(value.AsByte(), Vector128.Create((byte)2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> RotateRight12(Vector128<uint> value) => Avx512F.VL.IsSupported
        ? Avx512F.VL.RotateRight(value, 12)
        : (value >>> 12) | (value << 20);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> RotateRight8(Vector128<uint> value) => Avx512F.VL.IsSupported
        ? Avx512F.VL.RotateRight(value, 8)
        : Vector128.Shuffle(value.AsByte(), Vector128.Create((byte)1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12)).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> RotateRight7(Vector128<uint> value) => Avx512F.VL.IsSupported
        ? Avx512F.VL.RotateRight(value, 7)
        : (value >>> 7) | (value << 25);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void LoadMessage(ref byte source, ref nuint offsets, ref Vector128<uint> message)
    {
        for (nuint part = 0; part < 4; part++)
        {
            ref byte from = ref Unsafe.AddByteOffset(ref source, part * 16);
            Vector128<uint> a = Vector128.LoadUnsafe(ref from, offsets).AsUInt32();
            Vector128<uint> b = Vector128.LoadUnsafe(ref from, Unsafe.Add(ref offsets, 1)).AsUInt32();
            Vector128<uint> c = Vector128.LoadUnsafe(ref from, Unsafe.Add(ref offsets, 2)).AsUInt32();
            Vector128<uint> d = Vector128.LoadUnsafe(ref from, Unsafe.Add(ref offsets, 3)).AsUInt32();
            ref Vector128<uint> to = ref Unsafe.Add(ref message, (nint)part * 4);
            (to, Unsafe.Add(ref to, 1), Unsafe.Add(ref to, 2), Unsafe.Add(ref to, 3)) = Transpose(a, b, c, d);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void StoreChaining(ref Vector128<uint> chaining, ref uint output)
    {
        for (nuint half = 0; half < 2; half++)
        {
            ref Vector128<uint> from = ref Unsafe.Add(ref chaining, (nint)half * 4);
            (Vector128<uint> a, Vector128<uint> b, Vector128<uint> c, Vector128<uint> d) =
                Transpose(from, Unsafe.Add(ref from, 1), Unsafe.Add(ref from, 2), Unsafe.Add(ref from, 3));
            a.StoreUnsafe(ref output, half * 4);
            b.StoreUnsafe(ref output, 8 + (half * 4));
            c.StoreUnsafe(ref output, 16 + (half * 4));
            d.StoreUnsafe(ref output, 24 + (half * 4));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<uint> A, Vector128<uint> B, Vector128<uint> C, Vector128<uint> D) Transpose(
        Vector128<uint> a, Vector128<uint> b, Vector128<uint> c, Vector128<uint> d)
    {
        Vector128<ulong> ab0 = InterleaveLow(a, b).AsUInt64();
        Vector128<ulong> ab1 = InterleaveHigh(a, b).AsUInt64();
        Vector128<ulong> cd0 = InterleaveLow(c, d).AsUInt64();
        Vector128<ulong> cd1 = InterleaveHigh(c, d).AsUInt64();
        return (
            Vector128.Create(ab0.GetLower(), cd0.GetLower()).AsUInt32(),
            Vector128.Create(ab0.GetUpper(), cd0.GetUpper()).AsUInt32(),
            Vector128.Create(ab1.GetLower(), cd1.GetLower()).AsUInt32(),
            Vector128.Create(ab1.GetUpper(), cd1.GetUpper()).AsUInt32());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> InterleaveLow(Vector128<uint> left, Vector128<uint> right) =>
        Sse2.IsSupported ? Sse2.UnpackLow(left, right)
        : System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.IsSupported ? System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.ZipLow(left, right)
        : Vector128.Create(left[0], right[0], left[1], right[1]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> InterleaveHigh(Vector128<uint> left, Vector128<uint> right) =>
        Sse2.IsSupported ? Sse2.UnpackHigh(left, right)
        : System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.IsSupported ? System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.ZipHigh(left, right)
        : Vector128.Create(left[2], right[2], left[3], right[3]);
}
