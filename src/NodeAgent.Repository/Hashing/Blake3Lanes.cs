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
    /// <param name="kernel">The widest code to use; what is left over goes to the narrower ones.</param>
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
    public static void HashMany(
        Blake3Kernel kernel, ReadOnlySpan<byte> inputs, int count, int blocks, ReadOnlySpan<uint> key,
        ulong counter, uint counterStep, uint flags, uint startFlags, uint endFlags, Span<uint> output)
    {
        // The kernels read and write without bounds checks: these two are theirs.
        inputs = inputs[..(count * blocks * Blake3Compression.BlockLength)];
        output = output[..(count * Blake3Compression.ChainingWords)];
        var done = 0;
        while (done < count)
        {
            var width = Math.Min((int)kernel, count - done);
            ref byte from = ref MemoryMarshal.GetReference(inputs[(done * blocks * Blake3Compression.BlockLength)..]);
            ref uint to = ref MemoryMarshal.GetReference(output[(done * Blake3Compression.ChainingWords)..]);
            var first = counter + ((ulong)done * counterStep);
            switch (width)
            {
                case >= 16:
                    Blake3ParallelKernel<Vector512<uint>, Lanes512>.Hash(ref from, blocks, key, first, counterStep, flags, startFlags, endFlags, ref to);
                    done += 16;
                    break;
                case >= 8:
                    Blake3ParallelKernel<Vector256<uint>, Lanes256>.Hash(ref from, blocks, key, first, counterStep, flags, startFlags, endFlags, ref to);
                    done += 8;
                    break;
                case >= 4:
                    Blake3ParallelKernel<Vector128<uint>, Lanes128>.Hash(ref from, blocks, key, first, counterStep, flags, startFlags, endFlags, ref to);
                    done += 4;
                    break;
                default:
                    HashOne(
                        inputs.Slice(done * blocks * Blake3Compression.BlockLength, blocks * Blake3Compression.BlockLength),
                        key, first, flags, startFlags, endFlags,
                        output.Slice(done * Blake3Compression.ChainingWords, Blake3Compression.ChainingWords));
                    done++;
                    break;
            }
        }
    }

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
