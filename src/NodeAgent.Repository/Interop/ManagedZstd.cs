using System.Runtime.InteropServices;
using NodeAgent.Repository.Compression;
using ZstdSharp.Unsafe;

namespace NodeAgent.Repository.Interop;

/// <summary>
/// The contexts of ZstdSharp. It is libzstd line by line, with libzstd's functions, error codes and malloc, so that it is used in the same
/// way: its own wrappers throw an exception for each damaged frame. The handle is that of the compression context.
/// </summary>
internal sealed unsafe class ManagedZstd : SafeHandle, IZstdContexts
{
    private readonly ZSTD_DCtx_s* _decompression;

    /// <exception cref="OutOfMemoryException">The contexts could not be allocated.</exception>
    public ManagedZstd()
        : base(0, ownsHandle: true)
    {
        // Either throws when there is no memory. What was set until then is freed with the handle.
        SetHandle((nint)Methods.ZSTD_createCCtx());
        _decompression = Methods.ZSTD_createDCtx();
    }

    public override bool IsInvalid => handle == 0;

    public int Compress(ReadOnlySpan<byte> source, Span<byte> destination, int level)
    {
        nuint written;
        var held = false;
        try
        {
            DangerousAddRef(ref held);
            fixed (byte* from = source, to = destination)
                written = Methods.ZSTD_compressCCtx((ZSTD_CCtx_s*)handle, to, (nuint)destination.Length, from, (nuint)source.Length, level);
        }
        finally
        {
            if (held) DangerousRelease();
        }

        if (!Methods.ZSTD_isError(written))
            return (int)written;
        if (Methods.ZSTD_getErrorCode(written) == ZSTD_ErrorCode.ZSTD_error_dstSize_tooSmall)
            return 0;
        throw new InvalidOperationException($"ZstdSharp could not compress {source.Length} bytes at level {level}: {Methods.ZSTD_getErrorName(written)}");
    }

    public bool TryDecompress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        var held = false;
        try
        {
            DangerousAddRef(ref held);
            fixed (byte* from = source, to = destination)
            {
                // As in NativeZstd: one frame from end to end.
                if (Methods.ZSTD_findFrameCompressedSize(from, (nuint)source.Length) != (nuint)source.Length)
                    return false;
                var written = Methods.ZSTD_decompressDCtx(_decompression, to, (nuint)destination.Length, from, (nuint)source.Length);
                return !Methods.ZSTD_isError(written) && written == (nuint)destination.Length;
            }
        }
        finally
        {
            if (held) DangerousRelease();
        }
    }

    protected override bool ReleaseHandle()
    {
        // Null when it could not be allocated, which the function takes.
        _ = Methods.ZSTD_freeDCtx(_decompression);
        _ = Methods.ZSTD_freeCCtx((ZSTD_CCtx_s*)handle);
        return true;
    }
}
