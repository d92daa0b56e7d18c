using System.Runtime.InteropServices;
using System.Text;
using NodeAgent.Repository.Compression;

namespace NodeAgent.Repository.Tests.Compression;

/// <summary>What holds of the codec whichever implementation it uses.</summary>
public abstract class ZstdCodecTests : IDisposable
{
    private readonly ZstdImplementation _implementation;
    private readonly ZstdCodec _codec;

    protected ZstdCodecTests(ZstdImplementation implementation)
    {
        SkipWithoutLibrary(implementation);
        _implementation = implementation;
        _codec = new ZstdCodec(implementation);
    }

    /// <summary>Whether the system has one, not asked of what is tested.</summary>
    private static readonly bool HasLibrary = NativeLibrary.TryLoad("libzstd.so.1", out _);

    /// <summary>Skips a test of libzstd where there is none.</summary>
    internal static void SkipWithoutLibrary(ZstdImplementation implementation) =>
        Assert.SkipWhen(implementation == ZstdImplementation.Native && !HasLibrary, "libzstd is not installed: apt-get install libzstd1");

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(256)]
    [InlineData(65_792)]
    [InlineData(300_000)]
    [InlineData(5_000_000)]
    public void What_was_compressed_comes_back(int length)
    {
        var source = Text(length);
        foreach (var level in new[] { ZstdCodec.MinLevel, 3, 7 })
        {
            var compressed = Compress(source, level);
            if (compressed.Length == 0)
            {
                Assert.InRange(length, 0, 99);
                continue;
            }

            Assert.InRange(compressed.Length, 1, length * 97 / 100);
            var output = new byte[length];
            _codec.Decompress(compressed, output);
            Assert.Equal(source, output);
        }
    }

    [Fact]
    public void The_highest_level_stays_within_the_window_limit()
    {
        // Above 8 MiB of input, level 19 would use its whole window.
        var source = new byte[9 << 20];
        Text(10_000).CopyTo(source, 0);
        var compressed = Compress(source, ZstdCodec.MaxLevel);
        var output = new byte[source.Length];
        Assert.True(_codec.TryDecompress(compressed, output));
        Assert.True(source.AsSpan().SequenceEqual(output));
        Assert.Throws<ArgumentOutOfRangeException>(() => _codec.Compress(source, output, ZstdCodec.MaxLevel + 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _codec.Compress(source, output, 0));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    [InlineData(5_000)]
    [InlineData(1_000_000)]
    public void Data_that_does_not_shrink_is_left_raw(int length)
    {
        var source = new byte[length];
        SeededRandom.Create().NextBytes(source);
        Assert.Empty(Compress(source, 3));
        Assert.Empty(Compress(source, 9));
    }

    [Fact]
    public void A_saving_under_3_percent_is_left_raw()
    {
        // 2 % of zeros in random bytes save 2 %, 5 % of them save 5 %.
        var source = new byte[100_000];
        SeededRandom.Create().NextBytes(source);
        source.AsSpan(0, 2_000).Clear();
        Assert.Empty(Compress(source, 3));
        source.AsSpan(0, 5_000).Clear();
        Assert.InRange(Compress(source, 3).Length, 94_000, 97_000);
    }

    [Fact]
    public void One_compressible_sample_is_enough_to_compress()
    {
        var source = new byte[1 << 20];
        SeededRandom.Create().NextBytes(source);
        source.AsSpan(512 << 10, 128 << 10).Fill((byte)'a');
        Assert.InRange(Compress(source, 3).Length, 800_000, 960_000);
    }

    [Fact]
    public void A_frame_of_another_length_is_refused()
    {
        var compressed = Compress(Text(10_000), 3);
        foreach (var length in new[] { 0, 1, 9_999, 10_001, 20_000 })
            Assert.False(_codec.TryDecompress(compressed, new byte[length]));
        Assert.Throws<InvalidDataException>(() => _codec.Decompress(compressed, new byte[9_999]));
    }

    [Fact]
    public void Truncated_extended_and_repeated_frames_are_refused()
    {
        var compressed = Compress(Text(10_000), 3);
        var output = new byte[10_000];
        for (var length = 0; length < compressed.Length; length++)
            Assert.False(_codec.TryDecompress(compressed.AsSpan(0, length), output));
        Assert.False(_codec.TryDecompress([.. compressed, 0], output));
        Assert.False(_codec.TryDecompress([.. compressed, .. compressed], output));
        Assert.False(_codec.TryDecompress([.. compressed, .. compressed], new byte[20_000]));

        // A skippable frame (RFC 8878, section 3.1.2) of no bytes.
        byte[] skippable = [0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0];
        Assert.False(_codec.TryDecompress([.. skippable, .. compressed], output));
        Assert.False(_codec.TryDecompress([.. compressed, .. skippable], output));
    }

    [Fact]
    public void Windows_over_8_MiB_and_dictionaries_are_refused()
    {
        // One raw block of 5 bytes, by hand: magic, descriptor, window or size, block header (last, raw, 5), content.
        byte[] Frame(params byte[] header) => [0x28, 0xB5, 0x2F, 0xFD, .. header, 0x29, 0, 0, .. "hello"u8];
        var output = new byte[5];
        Assert.True(_codec.TryDecompress(Frame(0x20, 5), output));
        Assert.Equal("hello", Encoding.ASCII.GetString(output));
        Assert.True(_codec.TryDecompress(Frame(0x00, 13 << 3), output));
        Assert.False(_codec.TryDecompress(Frame(0x00, (13 << 3) | 1), output));
        Assert.False(_codec.TryDecompress(Frame(0x00, 31 << 3), output));
        Assert.False(_codec.TryDecompress(Frame(0x21, 1, 5), output));
        Assert.False(_codec.TryDecompress(Frame(0x28, 5), output));
        Assert.False(_codec.TryDecompress(Frame(0x20, 6), output));
    }

    [Fact]
    public void Mutated_frames_never_do_anything_but_fail_or_decode()
    {
        var random = SeededRandom.Create();
        var source = Text(20_000);
        var compressed = Compress(source, 3);
        var output = new byte[source.Length];
        var refused = 0;
        var before = GC.GetAllocatedBytesForCurrentThread();
        var mutated = compressed.ToArray();
        for (var round = 0; round < 20_000; round++)
        {
            compressed.CopyTo(mutated, 0);
            for (var change = random.Next(1, 4); change > 0; change--)
                mutated[random.Next(random.Next(2) == 0 ? 20 : mutated.Length)] = (byte)random.Next(256);
            if (!_codec.TryDecompress(mutated.AsSpan(0, random.Next(4) == 0 ? random.Next(mutated.Length) : mutated.Length), output))
                refused++;
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.InRange(refused, 10_000, 20_000);
        Assert.True(_codec.TryDecompress(compressed, output));
        Assert.Equal(source, output);
    }

    [Fact]
    public void The_bound_is_that_of_zstd()
    {
        // ZSTD_COMPRESSBOUND of zstd.h for these lengths.
        Assert.Equal(64, ZstdCodec.CompressBound(0));
        Assert.Equal(1000 + 3 + 63, ZstdCodec.CompressBound(1000));
        Assert.Equal((128 << 10) + 512, ZstdCodec.CompressBound(128 << 10));
        Assert.Equal((1 << 20) + 4096, ZstdCodec.CompressBound(1 << 20));
    }

    [Fact]
    public void A_disposed_codec_refuses_to_work()
    {
        var codec = new ZstdCodec(_implementation);
        var compressed = Compress(Text(100), 3);
        codec.Dispose();
        Assert.Throws<ObjectDisposedException>(() => codec.Compress(Text(100), new byte[200], 3));
        Assert.Throws<ObjectDisposedException>(() => codec.TryDecompress(compressed, new byte[100]));
        codec.Dispose();
    }

    [Fact]
    public void A_frame_states_its_content_size_and_has_no_checksum()
    {
        foreach (var length in new[] { 200, 300, 70_000, 1_000_000 })
        {
            // Descriptor (RFC 8878, section 3.1.1.1.1): bits 7-6 content size, 5 single segment, 2 checksum, 1-0 dictionary.
            var descriptor = Compress(Text(length), 2)[4];
            Assert.Equal(0, descriptor & 0b111);
            Assert.Equal(length switch { < 256 => 0x20, < 65_792 => 0x60, _ => 0xA0 }, descriptor & 0b1110_0000);
        }
    }

    [Fact]
    public void What_does_not_fit_is_left_raw()
    {
        var source = Text(100_000);
        var length = Compress(source, 3).Length;
        var destination = new byte[length + 100];
        destination.AsSpan().Fill(0xA5);
        Assert.Equal(0, _codec.Compress(source, destination.AsSpan(0, length - 1), 3));
        Assert.Equal(0, _codec.Compress(source, [], 3));
        Assert.Equal(-1, destination.AsSpan(length - 1).IndexOfAnyExcept((byte)0xA5));
        Assert.NotEqual(0, _codec.Compress(source, destination, 3));
    }

    [Fact]
    public void Nothing_is_allocated_from_chunk_to_chunk()
    {
        var source = Text(1 << 20);
        var random = new byte[1 << 20];
        SeededRandom.Create().NextBytes(random);
        var compressed = new byte[ZstdCodec.CompressBound(source.Length)];
        var output = new byte[source.Length];
        int Chunk()
        {
            var length = _codec.Compress(source, compressed, 2);
            Assert.True(_codec.TryDecompress(compressed.AsSpan(0, length), output));
            return _codec.Compress(random, compressed, 2);
        }

        Assert.Equal(0, Chunk());
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 20; i++) Chunk();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    public void Dispose()
    {
        _codec.Dispose();
        GC.SuppressFinalize(this);
    }

    internal static byte[] Text(int length)
    {
        var text = new StringBuilder();
        for (var i = 0; text.Length < length; i++)
            text.Append("record ").Append(i * 7919 % 1009).Append(" status=ok\n");
        return Encoding.ASCII.GetBytes(text.ToString(0, length));
    }

    private byte[] Compress(byte[] source, int level)
    {
        var destination = new byte[ZstdCodec.CompressBound(source.Length)];
        var length = _codec.Compress(source, destination, level);
        return destination[..length];
    }
}
