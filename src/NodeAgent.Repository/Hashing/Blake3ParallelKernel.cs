using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NodeAgent.Repository.Hashing;

/// <summary>The compression function on as many inputs at once as a vector has lanes: word i of all inputs in one vector.</summary>
internal static class Blake3ParallelKernel<TVector, TLanes>
    where TVector : unmanaged
    where TLanes : struct, ILaneOperations<TVector>
{
    /// <summary>As <see cref="Blake3Lanes.HashMany"/>, for at most as many inputs as there are lanes: idle lanes take the last input again.</summary>
    /// <remarks>
    /// The caller guarantees count x blocks x 64 readable bytes at <paramref name="inputs"/>, a count of at least 1, and
    /// lanes x 8 writable words at <paramref name="output"/>, whatever the count. The message stays in memory, since 16
    /// state vectors and 16 message vectors would not both fit in registers on any width below 512 bits; the schedule is
    /// then an index, and one round is the loop's body.
    /// Optimised at the first call: what the JIT's first tier makes of this is 15 times slower, and is in use for 0.2 s.
    /// </remarks>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Hash(
        ref byte inputs, int count, int blocks, ReadOnlySpan<uint> key, ulong counter, uint counterStep,
        uint flags, uint startFlags, uint endFlags, ref uint output)
    {
        Unsafe.SkipInit(out Message message);
        Unsafe.SkipInit(out Chaining chaining);
        Unsafe.SkipInit(out Offsets offsets);
        ref TVector m = ref Unsafe.As<Message, TVector>(ref message);
        ref TVector h = ref Unsafe.As<Chaining, TVector>(ref chaining);
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
            Compress(ref h, ref m, counterLow, counterHigh, blockFlags);
        }

        TLanes.StoreChaining(ref h, ref output);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Compress(ref TVector h, ref TVector m, TVector counterLow, TVector counterHigh, uint flags)
    {
        TVector v0 = h, v1 = Unsafe.Add(ref h, 1), v2 = Unsafe.Add(ref h, 2), v3 = Unsafe.Add(ref h, 3);
        TVector v4 = Unsafe.Add(ref h, 4), v5 = Unsafe.Add(ref h, 5), v6 = Unsafe.Add(ref h, 6), v7 = Unsafe.Add(ref h, 7);
        TVector v8 = TLanes.Create(Blake3Compression.InitialVector[0]), v9 = TLanes.Create(Blake3Compression.InitialVector[1]);
        TVector v10 = TLanes.Create(Blake3Compression.InitialVector[2]), v11 = TLanes.Create(Blake3Compression.InitialVector[3]);
        TVector v12 = counterLow, v13 = counterHigh;
        TVector v14 = TLanes.Create(Blake3Compression.BlockLength), v15 = TLanes.Create(flags);

        // Bytes 0..111 of the schedule are read, each a word index below 16.
        ref byte s = ref MemoryMarshal.GetReference(Blake3Compression.Schedule);
        for (var round = 0; round < 7; round++)
        {
            MixHalf(ref v0, ref v4, ref v8, ref v12, Unsafe.Add(ref m, (nint)s));
            MixHalf(ref v1, ref v5, ref v9, ref v13, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 2)));
            MixHalf(ref v2, ref v6, ref v10, ref v14, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 4)));
            MixHalf(ref v3, ref v7, ref v11, ref v15, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 6)));
            MixOtherHalf(ref v0, ref v4, ref v8, ref v12, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 1)));
            MixOtherHalf(ref v1, ref v5, ref v9, ref v13, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 3)));
            MixOtherHalf(ref v2, ref v6, ref v10, ref v14, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 5)));
            MixOtherHalf(ref v3, ref v7, ref v11, ref v15, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 7)));
            MixHalf(ref v0, ref v5, ref v10, ref v15, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 8)));
            MixHalf(ref v1, ref v6, ref v11, ref v12, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 10)));
            MixHalf(ref v2, ref v7, ref v8, ref v13, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 12)));
            MixHalf(ref v3, ref v4, ref v9, ref v14, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 14)));
            MixOtherHalf(ref v0, ref v5, ref v10, ref v15, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 9)));
            MixOtherHalf(ref v1, ref v6, ref v11, ref v12, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 11)));
            MixOtherHalf(ref v2, ref v7, ref v8, ref v13, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 13)));
            MixOtherHalf(ref v3, ref v4, ref v9, ref v14, Unsafe.Add(ref m, (nint)Unsafe.Add(ref s, 15)));
            s = ref Unsafe.Add(ref s, 16);
        }

        h = TLanes.Xor(v0, v8);
        Unsafe.Add(ref h, 1) = TLanes.Xor(v1, v9);
        Unsafe.Add(ref h, 2) = TLanes.Xor(v2, v10);
        Unsafe.Add(ref h, 3) = TLanes.Xor(v3, v11);
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
        c = TLanes.Add(c, d);
        b = TLanes.RotateRight12(TLanes.Xor(b, c));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MixOtherHalf(ref TVector a, ref TVector b, ref TVector c, ref TVector d, TVector y)
    {
        a = TLanes.Add(TLanes.Add(a, y), b);
        d = TLanes.RotateRight8(TLanes.Xor(d, a));
        c = TLanes.Add(c, d);
        b = TLanes.RotateRight7(TLanes.Xor(b, c));
    }

    [InlineArray(16)]
    private struct Message
    {
        private TVector _first;
    }

    [InlineArray(Blake3Compression.ChainingWords)]
    private struct Chaining
    {
        private TVector _first;
    }

    [InlineArray((int)Blake3Kernel.Vector512)]
    private struct Offsets
    {
        private nuint _first;
    }
}
