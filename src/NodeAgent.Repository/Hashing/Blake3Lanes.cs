using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace NodeAgent.Repository.Hashing;

/// <summary>Hashes many equally long inputs that lie one after another: chunks (16 blocks each) or parents (1 block each).</summary>
internal static class Blake3Lanes
{
    /// <summary>The widest kernel that this machine runs natively.</summary>
    public static Blake3Kernel Best { get; } = Blake3Kernel.Scalar;

    public static bool IsSupported(Blake3Kernel kernel) => kernel switch
    {
        Blake3Kernel.Scalar => true,
        _ => false,
    };

    /// <summary>
    /// Hashes <paramref name="count"/> inputs of <paramref name="blocks"/> blocks each and writes 8 chaining words for each.
    /// </summary>
    /// <param name="counterStep">1 where input i has counter + i (chunks), 0 where all share it (parents).</param>
    /// <param name="startFlags">Added to the first block of each input.</param>
    /// <param name="endFlags">Added to the last block of each input.</param>
    public static void HashMany(
        Blake3Kernel kernel, ReadOnlySpan<byte> inputs, int count, int blocks, ReadOnlySpan<uint> key,
        ulong counter, uint counterStep, uint flags, uint startFlags, uint endFlags, Span<uint> output)
    {
        var inputLength = blocks * Blake3Compression.BlockLength;
        Span<uint> words = stackalloc uint[16];
        for (var i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> input = inputs.Slice(i * inputLength, inputLength);
            Span<uint> chaining = output.Slice(i * Blake3Compression.ChainingWords, Blake3Compression.ChainingWords);
            key.CopyTo(chaining);
            for (var block = 0; block < blocks; block++)
            {
                var blockFlags = flags | (block == 0 ? startFlags : 0) | (block == blocks - 1 ? endFlags : 0);
                Blake3Compression.Compress(
                    chaining, input.Slice(block * Blake3Compression.BlockLength, Blake3Compression.BlockLength),
                    Blake3Compression.BlockLength, counter, blockFlags, words);
                words[..Blake3Compression.ChainingWords].CopyTo(chaining);
            }

            counter += counterStep;
        }
    }
}
