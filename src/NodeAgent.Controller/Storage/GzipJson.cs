using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Storage;

/// <summary>Small gzipped JSON files. Reading stops at a limit, because what a bucket holds is not trusted.</summary>
internal static class GzipJson
{
    // Velero reads at most as much of a decompressed metadata file.
    private const long MaxDecompressed = 1L << 30;

    public static byte[] Encode(JsonNode? node) => Compress(Encoding.UTF8.GetBytes(node?.ToJsonString() ?? "null"));

    public static byte[] Compress(ReadOnlySpan<byte> content)
    {
        using var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.Optimal, leaveOpen: true)) gzip.Write(content);
        return buffer.ToArray();
    }

    /// <summary>Reads a file; null when it is absent or holds null. Throws <see cref="InvalidDataException"/> when it is damaged.</summary>
    public static async Task<JsonNode?> ReadAsync(IBucket bucket, string key, CancellationToken cancellation)
    {
        await using var file = await bucket.OpenAsync(key, MaxDecompressed, cancellation);
        if (file is null) return null;
        try
        {
            await using var gzip = new GZipStream(file, CompressionMode.Decompress, leaveOpen: true);
            await using var decompressed = new GzipCheck(gzip);
            using var content = new MemoryStream();
            var buffer = new byte[64 * 1024];
            int read;
            while ((read = await decompressed.ReadAsync(buffer, cancellation)) > 0)
            {
                if (content.Length + read > MaxDecompressed) throw new InvalidDataException($"{key}: more than {MaxDecompressed} bytes when decompressed");
                content.Write(buffer, 0, read);
            }

            decompressed.Verify(file);
            content.Position = 0;
            return await KubernetesJson.ParseAsync(content, cancellation);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{key}: not valid JSON: {e.Message}", e);
        }
    }
}
