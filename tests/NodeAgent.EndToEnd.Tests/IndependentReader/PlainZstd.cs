using System.Runtime.InteropServices;

namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>One call of libzstd, declared here and not borrowed.</summary>
internal static class PlainZstd
{
    public static byte[] Decompress(byte[] compressed, int plainLength)
    {
        var plain = new byte[plainLength];
        var result = Decompress(plain, (nuint)plain.Length, compressed, (nuint)compressed.Length);
        return result == (nuint)plainLength ? plain : throw new InvalidDataException("zstd: the frame does not hold the length that the envelope states");
    }

    [DllImport("libzstd.so.1", EntryPoint = "ZSTD_decompress")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nuint Decompress(byte[] destination, nuint capacity, byte[] source, nuint length);
}
