namespace NodeAgent.Repository.Compression;

/// <summary>
/// One context to compress with and one to decompress with, of one implementation of zstd. They hold memory outside of the
/// collector's heap, nothing is allocated on it from call to call, and they are for one thread at a time.
/// </summary>
internal interface IZstdContexts : IDisposable
{
    /// <summary>Compresses into one frame that states the length of its content and has neither checksum nor dictionary.</summary>
    /// <returns>How long the frame is; 0 when the destination has no room for it.</returns>
    /// <exception cref="InvalidOperationException">Any other failure.</exception>
    /// <exception cref="OutOfMemoryException">There is no memory for it (the managed port; libzstd says so by the other).</exception>
    int Compress(ReadOnlySpan<byte> source, Span<byte> destination, int level);

    /// <summary>
    /// Decompresses the one frame that the source is from end to end, and that holds exactly as many bytes as the destination has.
    /// Otherwise false, with nothing written outside of the destination.
    /// </summary>
    /// <param name="source">Begins with a header that <see cref="ZstdFrameHeader"/> accepts.</param>
    /// <param name="destination">Its content is undefined after false.</param>
    bool TryDecompress(ReadOnlySpan<byte> source, Span<byte> destination);
}
