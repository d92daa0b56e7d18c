using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Selection;
using NodeAgent.Kubernetes;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Backups;

/// <summary>
/// Writes a backup's objects as a gzipped tar, straight through, so that memory does not grow with the cluster. Each object
/// is stored twice, as format 1.1.0 asks: under the plain path and under its version. Objects may be added by several at once.
/// </summary>
internal sealed class BackupArchiveWriter : IAsyncDisposable
{
    public const string FormatVersion = "1.1.0";

    private readonly FileStream _file;
    private readonly GZipStream _gzip;
    private readonly TarWriter _tar;
    private readonly DateTimeOffset _now;
    private readonly SortedDictionary<string, SortedSet<string>> _resources = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _gate = new(1);
    private bool _finished;

    private BackupArchiveWriter(FileStream file, DateTimeOffset now)
    {
        _file = file;
        _gzip = new GZipStream(file, CompressionLevel.Optimal, leaveOpen: true);
        _tar = new TarWriter(_gzip, TarEntryFormat.Pax, leaveOpen: true);
        _now = now;
    }

    public int Count { get; private set; }

    public static async Task<BackupArchiveWriter> CreateAsync(string workDirectory, DateTimeOffset now, CancellationToken cancellation)
    {
        var writer = new BackupArchiveWriter(WorkFile.Create(workDirectory), now);
        await writer.WriteAsync("metadata/version", Encoding.UTF8.GetBytes(FormatVersion + "\n"), cancellation);
        return writer;
    }

    /// <summary>Adds an object in its type's preferred version. Throws <see cref="InvalidDataException"/> for a name that would leave the archive's folders.</summary>
    public async Task AddAsync(ResourceKind kind, JsonObject item, CancellationToken cancellation)
    {
        var path = PathOf(kind, item);
        var content = Encoding.UTF8.GetBytes(item.ToJsonString());
        await _gate.WaitAsync(cancellation);
        try
        {
            await WriteAsync($"resources/{kind.GroupResource}/{path}", content, cancellation);
            await WriteAsync($"resources/{kind.GroupResource}/{kind.Version}-preferredversion/{path}", content, cancellation);
            Note(kind, item);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Adds an object in a version that is not the preferred one of its type. Throws <see cref="InvalidDataException"/> as adding it in the preferred one does.</summary>
    public async Task AddVersionAsync(ResourceKind kind, JsonObject item, CancellationToken cancellation)
    {
        await WriteAsync($"resources/{kind.GroupResource}/{kind.Version}/{PathOf(kind, item)}", Encoding.UTF8.GetBytes(item.ToJsonString()), cancellation);
        Note(kind, item);
    }

    /// <summary>The resource list file: apiVersion/Kind to the sorted names of what was taken.</summary>
    public JsonObject ResourceList()
    {
        var list = new JsonObject();
        foreach (var (key, names) in _resources) list[key] = new JsonArray([.. names.Select(n => (JsonNode)n)]);
        return list;
    }

    private static string PathOf(ResourceKind kind, JsonObject item)
    {
        var (ns, name) = (item.Namespace(), item.Name());
        // Names of some types may hold what a DNS name may not, such as the colon of system roles; only path parts are refused.
        if (name.Length == 0 || name is "." or ".." || name.Contains('/') || (ns.Length > 0 && !ObjectName.IsValid(ns)))
        {
            throw new InvalidDataException($"{kind.GroupResource} \"{ns}/{name}\": the name cannot be a file of the archive");
        }

        return $"{(ns.Length == 0 ? "cluster" : $"namespaces/{ns}")}/{name}.json";
    }

    private void Note(ResourceKind kind, JsonObject item)
    {
        var key = $"{item.Text("apiVersion") ?? kind.ApiVersion}/{item.Text("kind") ?? kind.Kind}";
        if (!_resources.TryGetValue(key, out var names)) _resources[key] = names = new SortedSet<string>(StringComparer.Ordinal);
        names.Add(item.QualifiedName());
        Count++;
    }

    /// <summary>Ends the archive and gives its content, valid until this object is disposed. Nothing can be added afterwards.</summary>
    public async Task<Stream> FinishAsync()
    {
        await CloseAsync();
        _file.Position = 0;
        return _file;
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        await _file.DisposeAsync();
        _gate.Dispose();
    }

    private async Task CloseAsync()
    {
        if (_finished) return;
        _finished = true;
        await _tar.DisposeAsync();
        await _gzip.DisposeAsync();
    }

    private async Task WriteAsync(string path, byte[] content, CancellationToken cancellation)
    {
        using var data = new MemoryStream(content, writable: false);
        var entry = new PaxTarEntry(TarEntryType.RegularFile, path)
        {
            DataStream = data,
            Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute
                | UnixFileMode.OtherRead | UnixFileMode.OtherExecute,
            ModificationTime = _now,
        };
        await _tar.WriteEntryAsync(entry, cancellation);
    }
}
