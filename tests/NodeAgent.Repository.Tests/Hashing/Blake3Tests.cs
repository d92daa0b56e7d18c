using System.Diagnostics;
using System.Reflection;
using System.Text;
using System.Text.Json;
using NodeAgent.Repository.Hashing;

namespace NodeAgent.Repository.Tests.Hashing;

public sealed class Blake3Tests
{
    private const string Context = "BLAKE3 2019-12-27 16:29:52 test vectors context";

    private static readonly byte[] Key = "whats the Elvish word for friend"u8.ToArray();

    private static readonly int[] OddPieces = [1, 63, 64, 65, 127, 128, 129, 1023, 1024, 1025, 2047, 2049, 4095, 8191, 16385];

    public static TheoryData<string> Kernels => [.. Enum.GetNames<Blake3Kernel>()];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Official_vectors_hold_in_all_modes(string name)
    {
        Blake3Kernel kernel = Supported(name);
        var tried = 0;
        foreach ((int length, string[] expected) in OfficialVectors())
        {
            var input = OfficialInput(length);
            foreach ((Blake3Hasher hasher, string hex) in Hashers(kernel).Zip(expected))
            {
                using (hasher)
                {
                    var output = new byte[hex.Length / 2];
                    hasher.Update(input);
                    hasher.Finalize(output);
                    Assert.Equal(hex, Convert.ToHexStringLower(output));

                    var standard = new byte[32];
                    hasher.Finalize(standard);
                    Assert.Equal(hex[..64], Convert.ToHexStringLower(standard));
                    tried++;
                }
            }
        }

        Assert.Equal(35 * 3, tried);
    }

    [Fact]
    public void One_call_functions_agree_with_the_official_vectors()
    {
        foreach ((int length, string[] expected) in OfficialVectors())
        {
            var input = OfficialInput(length);
            var output = new byte[131];
            Blake3.Hash(input, output);
            Assert.Equal(expected[0], Convert.ToHexStringLower(output));
            Blake3.KeyedHash(Key, input, output);
            Assert.Equal(expected[1], Convert.ToHexStringLower(output));
            Blake3.DeriveKey(Context, input, output);
            Assert.Equal(expected[2], Convert.ToHexStringLower(output));
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Pieces_of_any_size_give_the_hash_of_the_whole(string name)
    {
        Blake3Kernel kernel = Supported(name);
        var input = OfficialInput(102400);
        var expected = OfficialVectors().Single(v => v.Length == input.Length).Expected[1];
        using Blake3Hasher hasher = Blake3Hasher.CreateKeyed(Key, kernel);
        var output = new byte[131];
        foreach (var piece in OddPieces)
        {
            hasher.Reset();
            for (var at = 0; at < input.Length; at += piece)
                hasher.Update(input.AsSpan(at, Math.Min(piece, input.Length - at)));
            hasher.Finalize(output);
            Assert.True(expected == Convert.ToHexStringLower(output), $"pieces of {piece} bytes");
        }
    }

    [Fact]
    public void All_kernels_agree_on_random_lengths_and_random_pieces()
    {
        var random = SeededRandom.Create();
        Blake3Kernel[] kernels = [.. Enum.GetValues<Blake3Kernel>().Where(Blake3Lanes.IsSupported)];
        var expected = new byte[32];
        var output = new byte[32];
        for (var round = 0; round < 60; round++)
        {
            var input = new byte[random.Next(1 << random.Next(1, 19))];
            random.NextBytes(input);
            using var reference = new Blake3Hasher(Blake3Kernel.Scalar);
            foreach (var chunk in input.Chunk(1000))
                reference.Update(chunk);
            reference.Finalize(expected);

            foreach (Blake3Kernel kernel in kernels)
            {
                using var hasher = new Blake3Hasher(kernel);
                for (var at = 0; at < input.Length;)
                {
                    var piece = Math.Min(random.Next(1, 40000), input.Length - at);
                    hasher.Update(input.AsSpan(at, piece));
                    at += piece;
                }

                hasher.Finalize(output);
                Assert.True(expected.AsSpan().SequenceEqual(output), $"{kernel}, {input.Length} bytes, round {round}");
            }
        }
    }

    [Fact]
    public void All_kernels_agree_on_each_number_of_chunks_and_on_lengths_around_it()
    {
        Blake3Kernel[] kernels = [.. Enum.GetValues<Blake3Kernel>().Where(Blake3Lanes.IsSupported)];
        var input = new byte[(20 * 1024) + 1];
        SeededRandom.Create().NextBytes(input);
        var expected = new byte[32];
        var output = new byte[32];
        for (var chunks = 0; chunks <= 20; chunks++)
        {
            foreach (var length in new[] { (chunks * 1024) - 1, chunks * 1024, (chunks * 1024) + 1 }.Where(length => length >= 0))
            {
                using var reference = new Blake3Hasher(Blake3Kernel.Scalar);
                foreach (var chunk in input[..length].Chunk(1000))
                    reference.Update(chunk);
                reference.Finalize(expected);
                foreach (Blake3Kernel kernel in kernels)
                {
                    using var hasher = new Blake3Hasher(kernel);
                    hasher.Update(input.AsSpan(0, length));
                    hasher.Finalize(output);
                    Assert.True(expected.AsSpan().SequenceEqual(output), $"{kernel}, {length} bytes");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Kernels_with_idle_lanes_read_only_the_input_and_write_only_its_values(string name)
    {
        Blake3Kernel kernel = Supported(name);
        var random = SeededRandom.Create();
        foreach (var blocks in new[] { 1, 16 })
        {
            for (var count = 1; count <= 2 * 16; count++)
            {
                using var guarded = new GuardedMemory(count * blocks * 64);
                random.NextBytes(guarded.Span);
                var expected = new uint[(count * 8) + 8];
                var output = new uint[(count * 8) + 8];
                for (var i = 0; i < count; i++)
                {
                    Blake3Lanes.HashMany(
                        Blake3Kernel.Scalar, guarded.Span.Slice(i * blocks * 64, blocks * 64), 1, blocks, Blake3Compression.InitialVector,
                        7 + (ulong)i, 0, 16, 1, 2, expected.AsSpan(i * 8, 8));
                }

                Blake3Lanes.HashMany(kernel, guarded.Span, count, blocks, Blake3Compression.InitialVector, 7, 1, 16, 1, 2, output);
                // The last 8 words are nobody's: they are zero still.
                Assert.True(expected.AsSpan().SequenceEqual(output), $"{count} inputs of {blocks} blocks");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Chunk_counters_carry_into_their_upper_half(string name)
    {
        Blake3Kernel kernel = Supported(name);
        var random = SeededRandom.Create();
        var input = new byte[16 * 1024];
        random.NextBytes(input);
        const ulong Counter = uint.MaxValue - 5UL;
        var expected = new uint[16 * 8];
        var output = new uint[16 * 8];
        Blake3Lanes.HashMany(Blake3Kernel.Scalar, input, 16, 16, Blake3Compression.InitialVector, Counter, 1, 0, 1, 2, expected);
        Blake3Lanes.HashMany(kernel, input, 16, 16, Blake3Compression.InitialVector, Counter, 1, 0, 1, 2, output);
        Assert.Equal(expected, output);
    }

    [Fact]
    public void Output_beyond_32_bytes_extends_the_shorter_output()
    {
        var whole = new byte[1000];
        Blake3.Hash("abc"u8, whole);
        foreach (var length in new[] { 0, 1, 31, 32, 33, 63, 64, 65, 128, 999 })
        {
            var part = new byte[length];
            Blake3.Hash("abc"u8, part);
            Assert.Equal(whole[..length], part);
        }

        Assert.Equal("6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85", Convert.ToHexStringLower(whole.AsSpan(0, 32)));
    }

    [Fact]
    public void Hashing_goes_on_after_an_intermediate_result_and_starts_anew_after_reset()
    {
        using var hasher = new Blake3Hasher();
        var first = new byte[32];
        var second = new byte[32];
        var expected = new byte[32];
        var input = OfficialInput(5000);
        hasher.Update(input.AsSpan(0, 2048));
        hasher.Finalize(first);
        Blake3.Hash(input.AsSpan(0, 2048), expected);
        Assert.Equal(expected, first);

        hasher.Update(input.AsSpan(2048));
        hasher.Finalize(second);
        Blake3.Hash(input, expected);
        Assert.Equal(expected, second);

        hasher.Reset();
        hasher.Update(input.AsSpan(0, 2048));
        hasher.Finalize(second);
        Assert.Equal(first, second);
    }

    [Fact]
    public void Hashing_allocates_nothing()
    {
        DebuggableAttribute? debuggable = typeof(Blake3).Assembly.GetCustomAttribute<DebuggableAttribute>();
        Assert.SkipWhen(debuggable?.IsJITOptimizerDisabled == true, "unoptimised code boxes in the framework's vector types: run with -c Release");
        var input = OfficialInput(100_000);
        var output = new byte[32];
        using Blake3Hasher hasher = Blake3Hasher.CreateKeyed(Key);
        long AllocatedByOneRun()
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            hasher.Reset();
            hasher.Update(input);
            hasher.Finalize(output);
            Blake3.Hash(input, output);
            Blake3.KeyedHash(Key, input, output);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        // The first runs go through code that the JIT has not optimised yet.
        var runs = 0;
        while (AllocatedByOneRun() > 0)
            Assert.True(++runs < 2000, "hashing still allocates after 2000 runs");
    }

    [Fact]
    public void Keys_of_another_length_and_disposed_hashers_are_refused()
    {
        Assert.Throws<ArgumentException>(() => Blake3Hasher.CreateKeyed(new byte[31]));
        Assert.Throws<ArgumentException>(() => Blake3.KeyedHash(new byte[33], [], new byte[32]));
        var hasher = new Blake3Hasher();
        hasher.Dispose();
        Assert.Throws<ObjectDisposedException>(() => hasher.Update(Key));
        Assert.Throws<ObjectDisposedException>(() => hasher.Finalize(new byte[32]));
    }

    private static Blake3Kernel Supported(string name)
    {
        Blake3Kernel kernel = Enum.Parse<Blake3Kernel>(name);
        Assert.SkipUnless(Blake3Lanes.IsSupported(kernel), $"this processor has no {name}: run on one that has it");
        return kernel;
    }

    private static IEnumerable<Blake3Hasher> Hashers(Blake3Kernel kernel) =>
        [new Blake3Hasher(kernel), Blake3Hasher.CreateKeyed(Key, kernel), Blake3Hasher.CreateDeriveKey(Context, kernel)];

    private static byte[] OfficialInput(int length)
    {
        var input = new byte[length];
        for (var i = 0; i < length; i++)
            input[i] = (byte)(i % 251);
        return input;
    }

    private static List<(int Length, string[] Expected)> OfficialVectors()
    {
        using Stream stream = typeof(Blake3Tests).Assembly.GetManifestResourceStream("Hashing/test_vectors.json")!;
        using JsonDocument document = JsonDocument.Parse(stream);
        Assert.Equal(Encoding.ASCII.GetString(Key), document.RootElement.GetProperty("key").GetString());
        Assert.Equal(Context, document.RootElement.GetProperty("context_string").GetString());
        return
        [
            .. document.RootElement.GetProperty("cases").EnumerateArray().Select(entry => (
                entry.GetProperty("input_len").GetInt32(),
                new[] { "hash", "keyed_hash", "derive_key" }.Select(mode => entry.GetProperty(mode).GetString()!).ToArray())),
        ];
    }
}
