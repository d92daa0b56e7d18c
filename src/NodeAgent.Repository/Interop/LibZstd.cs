using System.Runtime.InteropServices;

namespace NodeAgent.Repository.Interop;

/// <summary>What is used of zstd.h: the stable part of its interface, unchanged since 1.4.0.</summary>
internal static partial class LibZstd
{
    public const string Name = "zstd";

    /// <summary>ZSTD_error_dstSize_tooSmall of zstd_errors.h, fixed since 1.3.1.</summary>
    public const int ErrorDestinationTooSmall = 70;

    static LibZstd() => NativeLibraries.Register();

    [LibraryImport(Name, EntryPoint = "ZSTD_createCCtx")]
    public static partial nint CreateCompression();

    [LibraryImport(Name, EntryPoint = "ZSTD_freeCCtx")]
    public static partial nuint FreeCompression(nint context);

    [LibraryImport(Name, EntryPoint = "ZSTD_createDCtx")]
    public static partial nint CreateDecompression();

    [LibraryImport(Name, EntryPoint = "ZSTD_freeDCtx")]
    public static partial nuint FreeDecompression(nint context);

    [LibraryImport(Name, EntryPoint = "ZSTD_compressCCtx")]
    public static partial nuint Compress(
        ZstdCompressionHandle context, ref byte destination, nuint destinationLength, in byte source, nuint sourceLength, int level);

    [LibraryImport(Name, EntryPoint = "ZSTD_decompressDCtx")]
    public static partial nuint Decompress(
        ZstdDecompressionHandle context, ref byte destination, nuint destinationLength, in byte source, nuint sourceLength);

    [LibraryImport(Name, EntryPoint = "ZSTD_findFrameCompressedSize")]
    public static partial nuint FindFrameCompressedSize(in byte source, nuint sourceLength);

    [LibraryImport(Name, EntryPoint = "ZSTD_isError")]
    public static partial uint IsError(nuint code);

    [LibraryImport(Name, EntryPoint = "ZSTD_getErrorCode")]
    public static partial int GetErrorCode(nuint code);

    public static string ErrorName(nuint code) => Marshal.PtrToStringUTF8(GetErrorName(code)) ?? "unknown error";

    [LibraryImport(Name, EntryPoint = "ZSTD_getErrorName")]
    private static partial nint GetErrorName(nuint code);
}
