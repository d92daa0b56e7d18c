using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NodeAgent.Repository.Hashing;

/// <summary>The compression function on as many inputs at once as a vector has lanes: word i of all inputs in one vector.</summary>
internal static class Blake3ParallelKernel<TVector, TLanes>
    where TVector : unmanaged
    where TLanes : struct, ILaneOperations<TVector>
{
    private const int CacheLine = 64;

    /// <summary>As <see cref="Blake3Lanes.HashMany"/>, for at most as many inputs as there are lanes: idle lanes take the last input again.</summary>
    /// <remarks>
    /// The caller guarantees count x blocks x 64 readable bytes at <paramref name="inputs"/>, a count of at least 1, and
    /// lanes x 8 writable words at <paramref name="output"/>, whatever the count. The message stays in memory, since 16
    /// state vectors and 16 message vectors would not both fit in registers on any width below 512 bits; the schedule is
    /// then an index, and one round is the loop's body. So does the third row of the state, which waits longest for its next
    /// use: without AVX-512 there are 16 registers, and a state that takes them all has each rotation store and load what it rotates.
    /// What is in memory begins at a cache line: vectors across two of them took half as long again with AVX-512.
    /// Optimised at the first call: what the JIT's first tier makes of this is 15 times slower, and is in use for 0.2 s.
    /// </remarks>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe void Hash(
        ref byte inputs, int count, int blocks, ReadOnlySpan<uint> key, ulong counter, uint counterStep,
        uint flags, uint startFlags, uint endFlags, ref uint output)
    {
        Unsafe.SkipInit(out Offsets offsets);
        byte* scratch = stackalloc byte[((16 + 4 + Blake3Compression.ChainingWords) * sizeof(TVector)) + CacheLine - 1];
        ref TVector m = ref *(TVector*)(((nuint)scratch + CacheLine - 1) & ~(nuint)(CacheLine - 1));
        ref TVector c = ref Unsafe.Add(ref m, 16);
        ref TVector h = ref Unsafe.Add(ref c, 4);
        ref nuint o = ref Unsafe.As<Offsets, nuint>(ref offsets);
        for (var i = 0; i < Blake3Compression.ChainingWords; i++)
            Unsafe.Add(ref h, i) = TLanes.Create(key[i]);

        (TVector counterLow, TVector counterHigh) = TLanes.Counters(counter, counterStep);
        for (var lane = 0; lane < TLanes.Count; lane++)
            Unsafe.Add(ref o, lane) = (nuint)(uint)(Math.Min(lane, count - 1) * blocks * Blake3Compression.BlockLength);

        for (var block = 0; block < blocks; block++)
        {
            TLanes.LoadMessage(ref Unsafe.AddByteOffset(ref inputs, (nuint)(uint)(block * Blake3Compression.BlockLength)), ref o, ref m);
            var blockFlags = flags | (block == 0 ? startFlags : 0) | (block == blocks - 1 ? endFlags : 0);
            Compress(ref h, ref m, ref c, counterLow, counterHigh, blockFlags);
        }

        TLanes.StoreChaining(ref h, ref output);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Compress(ref TVector h, ref TVector m, ref TVector c, TVector counterLow, TVector counterHigh, uint flags)
    {
        TVector v0 = h, v1 = Unsafe.Add(ref h, 1), v2 = Unsafe.Add(ref h, 2), v3 = Unsafe.Add(ref h, 3);
        TVector v4 = Unsafe.Add(ref h, 4), v5 = Unsafe.Add(ref h, 5), v6 = Unsafe.Add(ref h, 6), v7 = Unsafe.Add(ref h, 7);
        for (var i = 0; i < 4; i++)
            Unsafe.Add(ref c, i) = TLanes.Create(Blake3Compression.InitialVector[i]);
        TVector v12 = counterLow, v13 = counterHigh;
        TVector v14 = TLanes.Create(Blake3Compression.BlockLength), v15 = TLanes.Create(flags);

        // Bytes 0..111 of the schedule are read, each a word index below 16.
        ref byte s = ref MemoryMarshal.GetReference(Blake3Compression.Schedule);
        for (var round = 0; round < 7; round++)
        {
            MixHalf(ref v0, ref v4, ref c, ref v12, Unsafe.Add(ref m, (nint)s));
            MixHalf(ref v1, ref v5, ref Unsafe.Add(ref c, 1), ref v13, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 2)));
            MixHalf(ref v2, ref v6, ref Unsafe.Add(ref c, 2), ref v14, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 4)));
            MixHalf(ref v3, ref v7, ref Unsafe.Add(ref c, 3), ref v15, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 6)));
            MixOtherHalf(ref v0, ref v4, ref c, ref v12, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 1)));
            MixOtherHalf(ref v1, ref v5, ref Unsafe.Add(ref c, 1), ref v13, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 3)));
            MixOtherHalf(ref v2, ref v6, ref Unsafe.Add(ref c, 2), ref v14, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 5)));
            MixOtherHalf(ref v3, ref v7, ref Unsafe.Add(ref c, 3), ref v15, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 7)));
            MixHalf(ref v0, ref v5, ref Unsafe.Add(ref c, 2), ref v15, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 8)));
            MixHalf(ref v1, ref v6, ref Unsafe.Add(ref c, 3), ref v12, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 10)));
            MixHalf(ref v2, ref v7, ref c, ref v13, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 12)));
            MixHalf(ref v3, ref v4, ref Unsafe.Add(ref c, 1), ref v14, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 14)));
            MixOtherHalf(ref v0, ref v5, ref Unsafe.Add(ref c, 2), ref v15, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 9)));
            MixOtherHalf(ref v1, ref v6, ref Unsafe.Add(ref c, 3), ref v12, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 11)));
            MixOtherHalf(ref v2, ref v7, ref c, ref v13, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 13)));
            MixOtherHalf(ref v3, ref v4, ref Unsafe.Add(ref c, 1), ref v14, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 15)));
            s = ref Unsafe.Add(ref s, 16);
        }

        h = TLanes.Xor(v0, c);
        Unsafe.Add(ref h, 1) = TLanes.Xor(v1, Unsafe.Add(ref c, 1));
        Unsafe.Add(ref h, 2) = TLanes.Xor(v2, Unsafe.Add(ref c, 2));
        Unsafe.Add(ref h, 3) = TLanes.Xor(v3, Unsafe.Add(ref c, 3));
        Unsafe.Add(ref h, 4) = TLanes.Xor(v4, v12);
        Unsafe.Add(ref h, 5) = TLanes.Xor(v5, v13);
        Unsafe.Add(ref h, 6) = TLanes.Xor(v6, v14);
        Unsafe.Add(ref h, 7) = TLanes.Xor(v7, v15);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MixHalf(ref TVector a, ref TVector b, ref TVector c, ref TVector d, TVector x)
    {
        a = TLanes.Add(TLanes.Add(a, x), b);
        d = TLanes.RotateRight16(TLanes.Xor(d, a));
        TVector sum = TLanes.Add(c, d);
        c = sum;
        b = TLanes.RotateRight12(TLanes.Xor(b, sum));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MixOtherHalf(ref TVector a, ref TVector b, ref TVector c, ref TVector d, TVector y)
    {
        a = TLanes.Add(TLanes.Add(a, y), b);
        d = TLanes.RotateRight8(TLanes.Xor(d, a));
        TVector sum = TLanes.Add(c, d);
        c = sum;
        b = TLanes.RotateRight7(TLanes.Xor(b, sum));
    }

    [InlineArray((int)Blake3Kernel.Vector512)]
    private struct Offsets
    {
        private nuint _first;
    }
}
