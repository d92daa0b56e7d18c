using NodeAgent.Repository.Interop;

namespace NodeAgent.Repository.Compression;

/// <summary>
/// Compresses and decompresses single zstd frames, with the system's libzstd or else with the managed port that comes with
/// the program. Owns contexts in native memory, which are reused from call to call: one instance per worker, not thread-safe.
/// </summary>
/// <remarks>This type is all that the rest of the program knows of zstd, and it behaves the same whichever of the two it uses.</remarks>
public sealed class ZstdCodec : IDisposable
{
    /// <summary>The lowest and fastest level.</summary>
    public const int MinLevel = 1;

    /// <summary>The highest level. Those above it need windows over 8 MiB, which <see cref="Decompress"/> refuses.</summary>
    public const int MaxLevel = 19;

    // Compressed data must be at least 3 % smaller, or reading it back costs more than storing it raw.
    private const int WorthwhileSavingPercent = 3;

    // A MiB of random bytes costs zstd 0.08 ms at level 3 but 1.5 ms at level 6, and one of slightly uneven bytes (media,
    // archives) 0.8 ms at any level; one sample in every 64 KiB costs 0.03 ms (ZstdBenchmarks). The first sample that
    // shrinks ends the probe, so that text pays for one.
    private const int SampleLength = 4 << 10;
    private const int SampleSpacing = 64 << 10;
    private const int ShortestProbed = 4 * SampleSpacing;

    private readonly IZstdContexts _contexts;

    /// <summary>With <see cref="Preferred"/>.</summary>
    /// <exception cref="OutOfMemoryException">There is no memory for its contexts.</exception>
    public ZstdCodec()
        : this(Preferred)
    {
    }

    /// <summary>With one or the other, for tests and measurements.</summary>
    /// <exception cref="DllNotFoundException">It is to be libzstd, which is not installed.</exception>
    /// <exception cref="OutOfMemoryException">There is no memory for its contexts.</exception>
    internal ZstdCodec(ZstdImplementation implementation) =>
        _contexts = implementation == ZstdImplementation.Native ? new NativeZstd() : new ManagedZstd();

    /// <summary>libzstd where it can be loaded, which is the faster one (docs/decisions/0001), else the port.</summary>
    public static ZstdImplementation Preferred => NativeLibraries.IsAvailable(LibZstd.Name) ? ZstdImplementation.Native : ZstdImplementation.Managed;

    /// <summary>The largest length of a compressed result for an input of <paramref name="length"/> bytes.</summary>
    public static int CompressBound(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return checked((int)((uint)length + ((uint)length >> 8) + (length < 128 << 10 ? ((128u << 10) - (uint)length) >> 11 : 0)));
    }

    /// <summary>
    /// Compresses into <paramref name="destination"/> and returns the length written, or 0 when the result would not be at
    /// least 3 % smaller than <paramref name="source"/>, which is then to be stored as it is.
    /// </summary>
    /// <param name="source">The plain bytes.</param>
    /// <param name="destination">At most 97 % of the source's length is used; with less room, what does not fit counts as not worth it. Its content is undefined after 0.</param>
    /// <param name="level">From <see cref="MinLevel"/> to <see cref="MaxLevel"/>.</param>
    public int Compress(ReadOnlySpan<byte> source, Span<byte> destination, int level)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(level, MinLevel);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(level, MaxLevel);

        if (source.Length >= ShortestProbed && LooksIncompressible(source, destination))
            return 0;
        return CompressWhole(source, destination, level);
    }

    /// <summary>
    /// Decompresses one frame that holds exactly as many bytes as <paramref name="destination"/> has.
    /// Returns false, with the content of <paramref name="destination"/> undefined, for anything else: damaged data, a
    /// frame that is longer or shorter, several frames, bytes after the frame, a window above 8 MiB, a dictionary.
    /// </summary>
    /// <remarks>No memory is allocated on the word of the input: zstd decodes straight into the destination.</remarks>
    public bool TryDecompress(ReadOnlySpan<byte> source, Span<byte> destination) =>
        ZstdFrameHeader.IsAcceptable(source, destination.Length) && _contexts.TryDecompress(source, destination);

    /// <summary>As <see cref="TryDecompress"/>, with an exception in place of false.</summary>
    /// <exception cref="InvalidDataException">The source is not one sound frame of exactly the destination's length.</exception>
    public void Decompress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        if (!TryDecompress(source, destination))
            throw new InvalidDataException($"{source.Length} bytes of zstd data are damaged or do not hold exactly {destination.Length} bytes");
    }

    /// <summary>Frees the contexts.</summary>
    public void Dispose() => _contexts.Dispose();

    // Misses what repeats only over more than 4 KiB, such as two copies of one photograph within a chunk: rare, and then
    // merely stored as it is.
    private bool LooksIncompressible(ReadOnlySpan<byte> source, Span<byte> scratch)
    {
        for (var at = 0; at + SampleLength <= source.Length; at += SampleSpacing)
        {
            if (CompressWhole(source.Slice(at, SampleLength), scratch, MinLevel) != 0)
                return false;
        }

        return true;
    }

    private int CompressWhole(ReadOnlySpan<byte> source, Span<byte> destination, int level)
    {
        // Giving zstd no more room than a worthwhile result needs lets it stop early on data that does not shrink.
        var worthwhile = (int)(source.Length * (100L - WorthwhileSavingPercent) / 100);
        var room = Math.Min(worthwhile, destination.Length);
        return room == 0 ? 0 : _contexts.Compress(source, destination[..room], level);
    }
}
