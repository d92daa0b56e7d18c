using NodeAgent.Repository.Compression;
using NodeAgent.Repository.Interop;

namespace NodeAgent.Repository.Tests.Compression;

/// <summary>A repository is written and read by machines with libzstd and by others without.</summary>
public sealed class ZstdExchangeTests : IDisposable
{
    private readonly ZstdCodec _native;
    private readonly ZstdCodec _managed = new(ZstdImplementation.Managed);

    public ZstdExchangeTests()
    {
        ZstdCodecTests.SkipWithoutLibrary(ZstdImplementation.Native);
        _native = new ZstdCodec(ZstdImplementation.Native);
    }

    [Fact]
    public void The_library_comes_first()
    {
        Assert.True(NativeLibraries.IsAvailable(LibZstd.Name));
        Assert.Equal(ZstdImplementation.Native, ZstdCodec.Preferred);
    }

    [Theory]
    [InlineData(ZstdImplementation.Native)]
    [InlineData(ZstdImplementation.Managed)]
    public void What_one_writes_the_other_reads_at_every_level(ZstdImplementation writer)
    {
        var (from, to) = writer == ZstdImplementation.Native ? (_native, _managed) : (_managed, _native);
        foreach (var source in Sources())
        {
            var compressed = new byte[ZstdCodec.CompressBound(source.Length)];
            var output = new byte[source.Length];
            for (var level = ZstdCodec.MinLevel; level <= ZstdCodec.MaxLevel; level++)
            {
                var length = from.Compress(source, compressed, level);
                Assert.InRange(length, 1, source.Length * 97 / 100);
                Assert.True(to.TryDecompress(compressed.AsSpan(0, length), output), $"{source.Length} bytes at level {level}");
                Assert.True(source.AsSpan().SequenceEqual(output), $"{source.Length} bytes at level {level}");
            }
        }
    }

    [Fact]
    public void Neither_makes_what_is_stored_much_larger()
    {
        var destination = new byte[ZstdCodec.CompressBound(1 << 20)];
        foreach (var source in Sources())
        {
            var length = _native.Compress(source, destination, 2);
            Assert.InRange(_managed.Compress(source, destination, 2), (length * 0.9) - 16, (length * 1.1) + 16);
        }
    }

    /// <summary>
    /// Nearly: versions of libzstd differ in how much of a damaged Huffman stream they notice, and in what they make of the rest. Without a checksum in the
    /// frame some damage shows only in the content, which is authenticated.
    /// </summary>
    [Fact]
    public void Both_refuse_nearly_the_same_damaged_frames()
    {
        const int rounds = 10_000;
        var random = SeededRandom.Create();
        var source = Mixed(20_000, random);
        var compressed = new byte[ZstdCodec.CompressBound(source.Length)];
        var output = new byte[source.Length];
        foreach (var codec in (ZstdCodec[])[_native, _managed])
        {
            var frame = compressed[..codec.Compress(source, compressed, 3)];
            int refused = 0, differ = 0;
            for (var round = 0; round < rounds; round++)
            {
                var mutated = frame.ToArray();
                for (var change = random.Next(1, 4); change > 0; change--)
                    mutated[random.Next(random.Next(2) == 0 ? 40 : mutated.Length)] ^= (byte)(1 << random.Next(8));
                var sound = _native.TryDecompress(mutated, output);
                if (!sound) refused++;
                if (sound != _managed.TryDecompress(mutated, output)) differ++;
            }

            Assert.InRange(refused, rounds / 10, rounds);
            Assert.InRange(differ, 0, rounds / 50);
        }
    }

    public void Dispose()
    {
        _native?.Dispose();
        _managed.Dispose();
    }

    private static IEnumerable<byte[]> Sources()
    {
        var random = SeededRandom.Create();
        foreach (var length in (int[])[200, 3_000, 17_000, 140_000, 300_000])
        {
            yield return ZstdCodecTests.Text(length);
            yield return new byte[length];
            // A short one may happen to be all noise.
            if (length > 1_000) yield return Mixed(length, random);
        }
    }

    /// <summary>Stretches of noise, of one byte, and of what was there before.</summary>
    private static byte[] Mixed(int length, Random random)
    {
        var mixed = new byte[length];
        for (var at = 0; at < length;)
        {
            var stretch = mixed.AsSpan(at, Math.Min(random.Next(4, 200), length - at));
            switch (random.Next(4))
            {
                case 0:
                    random.NextBytes(stretch);
                    break;
                case 1:
                    stretch.Fill((byte)random.Next(256));
                    break;
                default:
                    var start = random.Next(at + 1);
                    mixed.AsSpan(start, Math.Min(stretch.Length, at - start)).CopyTo(stretch);
                    break;
            }

            at += stretch.Length;
        }

        return mixed;
    }
}
