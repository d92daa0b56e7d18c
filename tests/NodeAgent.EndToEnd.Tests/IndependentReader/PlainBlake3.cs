using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>
/// BLAKE3 as its paper states it, one block at a time, on whole inputs: slow, short, and unrelated to the engine's.
/// </summary>
internal static class PlainBlake3
{
    private const uint ChunkStart = 1, ChunkEnd = 2, Parent = 4, Root = 8, KeyedHash = 16, DeriveContext = 32, DeriveMaterial = 64;

    private static readonly uint[] Iv =
        [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19];

    private static readonly int[] Permutation = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];

    public static byte[] Hash(ReadOnlySpan<byte> input) => Run(Iv, 0, input, 32);

    public static byte[] Keyed(ReadOnlySpan<byte> key, ReadOnlySpan<byte> input) => Run(Words(key), KeyedHash, input, 32);

    public static byte[] Derive(string context, ReadOnlySpan<byte> material, int length = 32) =>
        Run(Words(Run(Iv, DeriveContext, Encoding.UTF8.GetBytes(context), 32)), DeriveMaterial, material, length);

    private static byte[] Run(uint[] key, uint flags, ReadOnlySpan<byte> input, int length)
    {
        var node = Subtree(key, flags, input, 0);
        var result = new byte[(length + 63) / 64 * 64];
        for (var i = 0; i < result.Length / 64; i++)
        {
            var words = Compress(node.Cv, node.Block, (ulong)i, node.Length, node.Flags | Root);
            for (var w = 0; w < 16; w++) BinaryPrimitives.WriteUInt32LittleEndian(result.AsSpan(i * 64 + w * 4), words[w]);
        }

        return result[..length];
    }

    /// <summary>The last compression of a subtree, not yet carried out: whether it is the root is the caller's to know.</summary>
    private sealed record Node(uint[] Cv, uint[] Block, ulong Counter, uint Length, uint Flags)
    {
        public uint[] Chain() => Compress(Cv, Block, Counter, Length, Flags)[..8];
    }

    private static Node Subtree(uint[] key, uint flags, ReadOnlySpan<byte> input, ulong firstChunk)
    {
        if (input.Length <= 1024) return Chunk(key, flags, input, firstChunk);
        // The left child takes the largest power of two of chunks that leaves at least one byte for the right.
        var left = (int)BitOperations.RoundUpToPowerOf2((uint)((input.Length + 1023) / 1024)) / 2 * 1024;
        var block = new uint[16];
        Subtree(key, flags, input[..left], firstChunk).Chain().CopyTo(block, 0);
        Subtree(key, flags, input[left..], firstChunk + (ulong)left / 1024).Chain().CopyTo(block, 8);
        return new Node(key, block, 0, 64, flags | Parent);
    }

    private static Node Chunk(uint[] key, uint flags, ReadOnlySpan<byte> input, ulong counter)
    {
        var cv = key;
        var start = ChunkStart;
        while (input.Length > 64)
        {
            cv = Compress(cv, Words(input[..64]), counter, 64, flags | start)[..8];
            start = 0;
            input = input[64..];
        }

        var last = new byte[64];
        input.CopyTo(last);
        return new Node(cv, Words(last), counter, (uint)input.Length, flags | start | ChunkEnd);
    }

    private static uint[] Compress(uint[] cv, uint[] block, ulong counter, uint length, uint flags)
    {
        uint[] v = [.. cv, .. Iv[..4], (uint)counter, (uint)(counter >> 32), length, flags];
        var m = block;
        for (var round = 0; round < 7; round++)
        {
            Mix(v, 0, 4, 8, 12, m[0], m[1]);
            Mix(v, 1, 5, 9, 13, m[2], m[3]);
            Mix(v, 2, 6, 10, 14, m[4], m[5]);
            Mix(v, 3, 7, 11, 15, m[6], m[7]);
            Mix(v, 0, 5, 10, 15, m[8], m[9]);
            Mix(v, 1, 6, 11, 12, m[10], m[11]);
            Mix(v, 2, 7, 8, 13, m[12], m[13]);
            Mix(v, 3, 4, 9, 14, m[14], m[15]);
            var before = m;
            m = [.. Permutation.Select(p => before[p])];
        }

        for (var i = 0; i < 8; i++)
        {
            v[i] ^= v[i + 8];
            v[i + 8] ^= cv[i];
        }

        return v;
    }

    private static void Mix(uint[] v, int a, int b, int c, int d, uint x, uint y)
    {
        v[a] += v[b] + x;
        v[d] = BitOperations.RotateRight(v[d] ^ v[a], 16);
        v[c] += v[d];
        v[b] = BitOperations.RotateRight(v[b] ^ v[c], 12);
        v[a] += v[b] + y;
        v[d] = BitOperations.RotateRight(v[d] ^ v[a], 8);
        v[c] += v[d];
        v[b] = BitOperations.RotateRight(v[b] ^ v[c], 7);
    }

    private static uint[] Words(ReadOnlySpan<byte> bytes)
    {
        var words = new uint[bytes.Length / 4];
        for (var i = 0; i < words.Length; i++) words[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(i * 4)..]);
        return words;
    }
}
