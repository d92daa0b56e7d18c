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

    /// <summary>Replaces the archive of a backup.</summary>
    public static void WriteArchive(DirectoryBucket bucket, string backup, IEnumerable<KeyValuePair<string, string>> entries)
    {
        using var file = File.Create(Path.Combine(bucket.Location, "backups", backup, backup + ".tar.gz"));
        using var gzip = new GZipStream(file, CompressionLevel.Fastest);
        using var tar = new TarWriter(gzip);
        foreach (var (name, content) in entries)
        {
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(content)) });
        }
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
