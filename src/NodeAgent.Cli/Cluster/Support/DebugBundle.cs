using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Text;

namespace NodeAgent.Cli.Cluster.Support;

/// <summary>A tar.gz of text files about one installation. Whatever goes in passes the filter for secrets, and what could not be had is told in a file of its own.</summary>
internal sealed class DebugBundle : IAsyncDisposable
{
    // A log of days would make a bundle that nobody can send; its end is what matters.
    public const int MaxLogLines = 200_000;

    private readonly SecretFilter _filter;
    private readonly FileStream _file;
    private readonly GZipStream _gzip;
    private readonly TarWriter _tar;
    private readonly List<string> _problems = [];
    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();

    /// <param name="path">Where the bundle goes; it must not be there yet.</param>
    /// <param name="filter">What may not go into it.</param>
    public DebugBundle(string path, SecretFilter filter)
    {
        _filter = filter;
        _file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
        _gzip = new GZipStream(_file, CompressionLevel.Optimal);
        _tar = new TarWriter(_gzip, TarEntryFormat.Pax);
    }

    public IReadOnlyList<string> Problems => _problems;

    public void Note(string problem) => _problems.Add(problem);

    public Task AddAsync(string path, IEnumerable<JsonObject> items, CancellationToken cancellationToken) =>
        WriteAsync(path, JsonText.Format(new JsonArray([.. items.Select(i => (JsonNode)_filter.Clean(i))])) + "\n", cancellationToken);

    public Task AddAsync(string path, string text, CancellationToken cancellationToken) =>
        WriteAsync(path, string.Join('\n', text.Split('\n').Select(_filter.Clean)), cancellationToken);

    public async Task AddAsync(string path, Stream log, CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(log, Encoding.UTF8);
        var text = new StringBuilder();
        while (await reader.ReadLineAsync(cancellationToken) is { } line) text.Append(_filter.Clean(line)).Append('\n');
        await WriteAsync(path, text.ToString(), cancellationToken);
    }

    /// <summary>Writes what could not be had, and the end.</summary>
    public async Task FinishAsync(CancellationToken cancellationToken)
    {
        if (_problems.Count > 0) await AddAsync("problems.txt", string.Join('\n', _problems) + "\n", cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _tar.DisposeAsync();
        await _gzip.DisposeAsync();
        await _file.DisposeAsync();
    }

    private async Task WriteAsync(string path, string text, CancellationToken cancellationToken)
    {
        using var content = new MemoryStream(Encoding.UTF8.GetBytes(text), writable: false);
        await _tar.WriteEntryAsync(
            new PaxTarEntry(TarEntryType.RegularFile, "bundle/" + path) { DataStream = content, Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite, ModificationTime = _now }, cancellationToken);
    }
}
