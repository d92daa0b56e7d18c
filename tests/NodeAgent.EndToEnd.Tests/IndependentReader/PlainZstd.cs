using System.Runtime.InteropServices;

namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>One call of libzstd, declared here and not borrowed.</summary>
internal static class PlainZstd
{
    private const string Library = "libzstd.so.1";

    private static readonly bool IsAvailable = NativeLibrary.TryLoad(Library, out _);

    /// <summary>Skips the test where it is missing: what the product then reads and writes with is the product's.</summary>
    public static byte[] Decompress(byte[] compressed, int plainLength)
    {
        Assert.SkipUnless(IsAvailable, "libzstd is not installed");
        var plain = new byte[plainLength];
        var result = Decompress(plain, (nuint)plain.Length, compressed, (nuint)compressed.Length);
        return result == (nuint)plainLength ? plain : throw new InvalidDataException("zstd: the frame does not hold the length that the envelope states");
    }

    [DllImport(Library, EntryPoint = "ZSTD_decompress")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nuint Decompress(byte[] destination, nuint capacity, byte[] source, nuint length);
}
