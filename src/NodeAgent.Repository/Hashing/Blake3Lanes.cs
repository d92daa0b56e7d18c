using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NodeAgent.Repository.Hashing;

/// <summary>Hashes many equally long inputs that lie one after another: chunks (16 blocks each) or parents (1 block each).</summary>
internal static class Blake3Lanes
{
    /// <summary>The widest kernel that this machine runs natively.</summary>
    public static Blake3Kernel Best { get; } =
        IsSupported(Blake3Kernel.Vector512) ? Blake3Kernel.Vector512
        : IsSupported(Blake3Kernel.Vector256) ? Blake3Kernel.Vector256
        : IsSupported(Blake3Kernel.Vector128) ? Blake3Kernel.Vector128
        : Blake3Kernel.Scalar;

    public static bool IsSupported(Blake3Kernel kernel) => kernel switch
    {
        Blake3Kernel.Scalar => true,
        Blake3Kernel.Vector128 => Vector128.IsHardwareAccelerated,
        Blake3Kernel.Vector256 => Avx2.IsSupported,
        Blake3Kernel.Vector512 => Vector512.IsHardwareAccelerated && Avx512F.IsSupported,
        _ => false,
    };

    /// <summary>
    /// Hashes <paramref name="count"/> inputs of <paramref name="blocks"/> blocks each and writes 8 chaining words for each.
    /// </summary>
    /// <param name="kernel">The widest code to use.</param>
    /// <param name="inputs">At least count x blocks x 64 bytes.</param>
    /// <param name="count">Number of inputs.</param>
    /// <param name="blocks">Blocks in each input.</param>
    /// <param name="key">The 8 words to start from.</param>
    /// <param name="counter">The first input's counter.</param>
    /// <param name="counterStep">1 where input i has counter + i (chunks), 0 where all share it (parents).</param>
    /// <param name="flags">For every block.</param>
    /// <param name="startFlags">Added to the first block of each input.</param>
    /// <param name="endFlags">Added to the last block of each input.</param>
    /// <param name="output">At least count x 8 words; may not overlap the inputs.</param>
    [SkipLocalsInit]
    public static void HashMany(
        Blake3Kernel kernel, ReadOnlySpan<byte> inputs, int count, int blocks, ReadOnlySpan<uint> key,
        ulong counter, uint counterStep, uint flags, uint startFlags, uint endFlags, Span<uint> output)
    {
        // The kernels read and write without bounds checks: these two are theirs.
        inputs = inputs[..(count * blocks * Blake3Compression.BlockLength)];
        output = output[..(count * Blake3Compression.ChainingWords)];
        Span<uint> all = stackalloc uint[(int)Blake3Kernel.Vector512 * Blake3Compression.ChainingWords];
        for (var done = 0; done < count;)
        {
            var some = Math.Min((int)kernel, count - done);
            ReadOnlySpan<byte> from = inputs.Slice(done * blocks * Blake3Compression.BlockLength, some * blocks * Blake3Compression.BlockLength);
            Span<uint> to = output.Slice(done * Blake3Compression.ChainingWords, some * Blake3Compression.ChainingWords);
            var first = counter + ((ulong)done * counterStep);
            if (some == 1)
            {
                HashOne(from, key, first, flags, startFlags, endFlags, to);
            }
            else
            {
                // A kernel writes for all of its lanes, also for the idle ones.
                Blake3Kernel fitting = Fitting(kernel, some);
                var isFull = some == (int)fitting;
                ref byte source = ref MemoryMarshal.GetReference(from);
                ref uint target = ref MemoryMarshal.GetReference(isFull ? to : all);
                switch (fitting)
                {
                    case Blake3Kernel.Vector512:
                        Blake3ParallelKernel<Vector512<uint>, Lanes512>.Hash(ref source, some, blocks, key, first, counterStep, flags, startFlags, endFlags, ref target);
                        break;
                    case Blake3Kernel.Vector256:
                        Blake3ParallelKernel<Vector256<uint>, Lanes256>.Hash(ref source, some, blocks, key, first, counterStep, flags, startFlags, endFlags, ref target);
                        break;
                    default:
                        Blake3ParallelKernel<Vector128<uint>, Lanes128>.Hash(ref source, some, blocks, key, first, counterStep, flags, startFlags, endFlags, ref target);
                        break;
                }

                if (!isFull) all[..to.Length].CopyTo(to);
            }

            done += some;
        }
    }

    /// <summary>The code for what is left over: half as wide if that is enough, with idle lanes if there are fewer still.</summary>
    /// <remarks>
    /// Not narrower still: each width is compiled anew at each start, and with AVX-512 two to four inputs take no longer in
    /// 256 bits than in 128.
    /// </remarks>
    private static Blake3Kernel Fitting(Blake3Kernel kernel, int count) => kernel switch
    {
        Blake3Kernel.Vector512 when count <= (int)Blake3Kernel.Vector256 => Blake3Kernel.Vector256,
        Blake3Kernel.Vector256 when count <= (int)Blake3Kernel.Vector128 => Blake3Kernel.Vector128,
        _ => kernel,
    };

    private static void HashOne(
        ReadOnlySpan<byte> input, ReadOnlySpan<uint> key, ulong counter, uint flags, uint startFlags, uint endFlags, Span<uint> chaining)
    {
        Span<uint> words = stackalloc uint[16];
        key[..Blake3Compression.ChainingWords].CopyTo(chaining);
        flags |= startFlags;
        while (!input.IsEmpty)
        {
            if (input.Length == Blake3Compression.BlockLength)
                flags |= endFlags;
            Blake3Compression.Compress(chaining, input, Blake3Compression.BlockLength, counter, flags, words);
            words[..Blake3Compression.ChainingWords].CopyTo(chaining);
            flags &= ~startFlags;
            input = input[Blake3Compression.BlockLength..];
        }
    }
}
