using System.Formats.Tar;
using System.IO.Compression;

namespace NodeAgent.EndToEnd.Tests.ApiServers;

/// <summary>The archive of a backup in the directory of a location, looked into without the code that wrote it.</summary>
internal static class SuiteArchive
{
    /// <summary>Every object once, as <c>resource.group/namespace/name</c>.</summary>
    public static IReadOnlyList<string> ItemsOf(string location, string backup)
    {
        using var gzip = new GZipStream(File.OpenRead(Path.Combine(location, "backups", backup, backup + ".tar.gz")), CompressionMode.Decompress);
        using var tar = new TarReader(gzip);
        var items = new HashSet<string>();
        while (tar.GetNextEntry() is { } entry)
        {
            var path = entry.Name.Split('/');
            if (path is ["resources", var resource, "cluster", var name]) items.Add($"{resource}//{Path.GetFileNameWithoutExtension(name)}");
            else if (path is ["resources", var kind, "namespaces", var ns, var file]) items.Add($"{kind}/{ns}/{Path.GetFileNameWithoutExtension(file)}");
        }

        return [.. items];
    }
}
