using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using NodeAgent.Controller.Restores.Versions;
using NodeAgent.Controller.Selection;
using NodeAgent.Controller.Storage;
using NodeAgent.Kubernetes;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Restores;

/// <summary>
/// The objects of a backup, unpacked one behind the other into a file without a name, of which nothing is left when the process is killed: Secrets are among them. What
/// the archive holds is not trusted: only regular files at the paths of the format are taken, under names that are checked, up to a limit of bytes.
/// </summary>
internal sealed class BackupArchive : IDisposable
{
    private const int MaxEntries = 10_000_000;
    private const string PreferredSuffix = "-preferredversion";

    private readonly FileStream _unpacked;
    private SafeFileHandle? _handle;
    private readonly Dictionary<string, List<ArchivedItem>> _items = new(StringComparer.Ordinal);

    // Type to the version that its objects are in, to other versions, and these versions' objects.
    private readonly Dictionary<string, string> _preferred = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HashSet<string>> _others = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Type, string Version, string Namespace, string Name), ArchivedItem> _otherItems = [];

    private BackupArchive(FileStream unpacked) => _unpacked = unpacked;

    public IReadOnlyCollection<string> Resources => _items.Keys;

    /// <summary>Unpacks an archive out of a seekable stream. Throws <see cref="InvalidDataException"/> when it is damaged or larger than the limit.</summary>
    public static async Task<BackupArchive> OpenAsync(Stream content, string workDirectory, long maxBytes, CancellationToken cancellation)
    {
        var archive = new BackupArchive(WorkFile.Create(workDirectory));
        try
        {
            await archive.UnpackAsync(content, maxBytes, cancellation);
            return archive;
        }
        catch
        {
            archive.Dispose();
            throw;
        }
    }

    public IReadOnlyList<ArchivedItem> Items(string groupResource) => _items.TryGetValue(groupResource, out var items) ? items : [];

    /// <summary>The versions of a type; null when the backup holds it in one version only.</summary>
    public ArchivedVersions? VersionsOf(string groupResource) =>
        _preferred.TryGetValue(groupResource, out var preferred) && _others.TryGetValue(groupResource, out var others) ? new ArchivedVersions(preferred, [preferred, .. others]) : null;

    /// <summary>The object in another version of its type; itself when the backup does not hold it in that.</summary>
    public ArchivedItem InVersion(ArchivedItem item, string version) =>
        _otherItems.GetValueOrDefault((item.GroupResource, version, item.Namespace, item.Name)) ?? item;

    public ArchivedItem? Find(string groupResource, string ns, string name) => Items(groupResource).FirstOrDefault(i => i.Namespace == ns && i.Name == name);

    /// <summary>Reads an object. Throws <see cref="InvalidDataException"/> when it is no JSON object.</summary>
    public static async Task<JsonObject> ReadAsync(ArchivedItem item, CancellationToken cancellation)
    {
        try
        {
            var text = new byte[item.Length];
            var read = 0;
            while (read < text.Length && await RandomAccess.ReadAsync(item.Archive._handle!, text.AsMemory(read), item.Offset + read, cancellation) is > 0 and var more) read += more;
            return KubernetesJson.Parse(text) as JsonObject
                ?? throw new InvalidDataException($"{item.GroupResource} {item.Namespace}/{item.Name}: the archive holds no object");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{item.GroupResource} {item.Namespace}/{item.Name}: not valid JSON: {e.Message}", e);
        }
    }

    public void Dispose() => _unpacked.Dispose();

    private async Task UnpackAsync(Stream content, long maxBytes, CancellationToken cancellation)
    {
        var left = maxBytes;
        var entries = 0;
        try
        {
            await using var gzip = new GZipStream(content, CompressionMode.Decompress, leaveOpen: true);
            await using var checkedContent = new GzipCheck(gzip);
            await using var tar = new TarReader(checkedContent, leaveOpen: true);
            while (await tar.GetNextEntryAsync(copyData: false, cancellation) is { } entry)
            {
                if (++entries > MaxEntries) throw new InvalidDataException($"the backup's archive has more than {MaxEntries} entries");
                // Charged before the format is looked at, so that copies that are not used count as well.
                left -= entry.Length;
                if (left < 0) throw new InvalidDataException($"the backup's archive unpacks to more than {maxBytes} bytes; raise max-backup-extraction-size if that is right");
                if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile) || Parse(entry.Name) is not ({ } parsed, var version)) continue;
                if (version?.EndsWith(PreferredSuffix, StringComparison.Ordinal) == true)
                {
                    // The same content as under the plain path.
                    _preferred[parsed.GroupResource] = version[..^PreferredSuffix.Length];
                    continue;
                }

                if (entry.Length > Array.MaxLength) throw new InvalidDataException($"the backup's archive has an object of {entry.Length} bytes");
                var item = parsed with { Offset = _unpacked.Position, Length = (int)entry.Length };
                if (entry.DataStream is not null) await entry.DataStream.CopyToAsync(_unpacked, cancellation);

                if (version is not null)
                {
                    if (!_others.TryGetValue(item.GroupResource, out var versions)) _others[item.GroupResource] = versions = new HashSet<string>(StringComparer.Ordinal);
                    versions.Add(version);
                    _otherItems[(item.GroupResource, version, item.Namespace, item.Name)] = item;
                    continue;
                }

                if (!_items.TryGetValue(item.GroupResource, out var list)) _items[item.GroupResource] = list = [];
                list.Add(item);
            }

            // The reader stops at the tar's end mark; what follows is needed for the checksum, which alone proves the objects.
            var rest = new byte[16 * 1024];
            int read;
            while ((read = await checkedContent.ReadAsync(rest, cancellation)) > 0)
            {
                left -= read;
                if (left < 0) throw new InvalidDataException("the backup's archive is damaged: data goes on behind its end");
            }

            checkedContent.Verify(content);
            await _unpacked.FlushAsync(cancellation);
            _handle = _unpacked.SafeFileHandle;
        }
        // The tar reader has no one exception for what it cannot make sense of.
        catch (Exception e) when (e is EndOfStreamException or FormatException or InvalidOperationException or ArgumentException or OverflowException or NotSupportedException)
        {
            throw new InvalidDataException($"the backup's archive is damaged: {e.Message}", e);
        }

        foreach (var list in _items.Values) list.Sort((a, b) => string.CompareOrdinal($"{a.Namespace}/{a.Name}", $"{b.Namespace}/{b.Name}"));
    }

    /// <summary>
    /// resources/TYPE/cluster/NAME.json and resources/TYPE/namespaces/NS/NAME.json, each also with a version behind the type; all else gives null.
    /// </summary>
    private (ArchivedItem Item, string? Version)? Parse(string path)
    {
        var parts = path.Split('/');
        if (parts.Length < 4 || parts[0] != "resources" || !ObjectName.IsValid(parts[1]) || !parts[^1].EndsWith(".json", StringComparison.Ordinal)) return null;
        var name = parts[^1][..^".json".Length];
        if (name.Length == 0 || name is "." or "..") return null;
        return parts switch
        {
            [_, var type, "cluster", _] => (new ArchivedItem(type, "", name) { Archive = this }, null),
            [_, var type, "namespaces", var ns, _] when ObjectName.IsValid(ns) => (new ArchivedItem(type, ns, name) { Archive = this }, null),
            [_, var type, var version, "cluster", _] when ObjectName.IsValid(version) => (new ArchivedItem(type, "", name) { Archive = this }, version),
            [_, var type, var version, "namespaces", var ns, _] when ObjectName.IsValid(version) && ObjectName.IsValid(ns) => (new ArchivedItem(type, ns, name) { Archive = this }, version),
            _ => null,
        };
    }
}
