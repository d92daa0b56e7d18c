using System.Runtime.InteropServices;
using NodeAgent.Repository.Compression;

namespace NodeAgent.Repository.Interop;

/// <summary>The contexts of libzstd.</summary>
internal sealed class NativeZstd : IZstdContexts
{
    private readonly ZstdCompressionHandle _compression = ZstdCompressionHandle.Create();
    private readonly ZstdDecompressionHandle _decompression = ZstdDecompressionHandle.Create();

    public int Compress(ReadOnlySpan<byte> source, Span<byte> destination, int level)
    {
        nuint written = LibZstd.Compress(
            _compression, ref MemoryMarshal.GetReference(destination), (nuint)destination.Length,
            in MemoryMarshal.GetReference(source), (nuint)source.Length, level);
        if (LibZstd.IsError(written) == 0)
            return (int)written;
        if (LibZstd.GetErrorCode(written) == LibZstd.ErrorDestinationTooSmall)
            return 0;
        throw new InvalidOperationException($"libzstd could not compress {source.Length} bytes at level {level}: {LibZstd.ErrorName(written)}");
    }

    public bool TryDecompress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        // Anything but one frame from end to end: the decoder itself would accept several, or frames to be skipped.
        ref readonly byte from = ref MemoryMarshal.GetReference(source);
        if (LibZstd.FindFrameCompressedSize(in from, (nuint)source.Length) != (nuint)source.Length)
            return false;
        nuint written = LibZstd.Decompress(
            _decompression, ref MemoryMarshal.GetReference(destination), (nuint)destination.Length,
            in from, (nuint)source.Length);
        return LibZstd.IsError(written) == 0 && written == (nuint)destination.Length;
    }

    public void Dispose()
    {
        _compression.Dispose();
        _decompression.Dispose();
    }
}
