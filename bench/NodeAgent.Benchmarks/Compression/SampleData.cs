using System.IO.Compression;
using System.Text;

namespace NodeAgent.Benchmarks.Compression;

/// <summary>Content to compress, the same in each run.</summary>
internal static class SampleData
{
    public static byte[] Create(string kind, int length)
    {
        var random = new Random(1);
        switch (kind)
        {
            case "text":
                return Text(random, length);
            case "gzip":
                return Gzip(Text(random, 8 * length), length);
            default:
                var bytes = new byte[length];
                random.NextBytes(bytes);
                return bytes;
        }
    }

    private static byte[] Text(Random random, int length)
    {
        var text = new StringBuilder();
        while (text.Length < length)
            text.Append("word").Append(random.Next(300)).Append(' ').Append(random.Next(100_000)).Append('\n');
        return Encoding.ASCII.GetBytes(text.ToString(0, length));
    }

    private static byte[] Gzip(byte[] text, int length)
    {
        using var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(text);
        return buffer.ToArray().AsSpan(1000, length).ToArray();
    }
}
