using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Tests.Harness;

/// <summary>Reads what a backup left in the bucket, with nothing of the code under test but the names of files.</summary>
internal static class BackupContents
{
    public static IReadOnlyDictionary<string, string> ReadArchive(DirectoryBucket bucket, string backup)
    {
        var entries = new Dictionary<string, string>(StringComparer.Ordinal);
        using var file = File.OpenRead(Path.Combine(bucket.Location, "backups", backup, backup + ".tar.gz"));
        using var gzip = new GZipStream(file, CompressionMode.Decompress);
        using var tar = new TarReader(gzip);
        while (tar.GetNextEntry() is { } entry)
        {
            using var reader = new StreamReader(entry.DataStream!, Encoding.UTF8);
            entries.Add(entry.Name, reader.ReadToEnd());
        }

        return entries;
    }

    public static string ReadGzip(DirectoryBucket bucket, string key)
    {
        using var file = File.OpenRead(Path.Combine(bucket.Location, key));
        using var gzip = new GZipStream(file, CompressionMode.Decompress);
        using var reader = new StreamReader(gzip, Encoding.UTF8);
        return reader.ReadToEnd();
    }

    public static JsonNode? ReadJson(DirectoryBucket bucket, string key) => JsonNode.Parse(ReadGzip(bucket, key));
}
