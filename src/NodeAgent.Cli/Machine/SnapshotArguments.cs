using System.CommandLine;
using System.Globalization;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Cli.Machine;

/// <summary>The ways to name snapshots.</summary>
internal static class SnapshotArguments
{
    public static readonly Argument<string> Id = new("ID") { Description = "latest, a snapshot's id, or the beginning of one" };

    public static readonly Option<string> Host = Flags.Text("--host", "Only snapshots of this host", "name");
    public static readonly Option<string> Namespace = Flags.Text("--namespace", "Only snapshots of volumes in this namespace", "name");
    public static readonly Option<string> SourcePath = Flags.Text("--path", "Only snapshots of this path", "path");
    public static readonly Option<Dictionary<string, string>> Tag = Flags.Map("--tag", "Only snapshots with these tags");

    public static SnapshotFilter FilterOf(ParseResult parse) => new()
    {
        Host = parse.GetValue(Host) is { Length: > 0 } host ? host : null,
        Namespace = parse.GetValue(Namespace) is { Length: > 0 } space ? space : null,
        Path = parse.GetValue(SourcePath) is { Length: > 0 } path ? Path.GetFullPath(path) : null,
        Tags = parse.GetValue(Tag) ?? [],
    };

    /// <summary>As much of an id as tells snapshots apart for people.</summary>
    public static string ShortId(SnapshotId id) => id.ToString()[..12];

    /// <summary>Which snapshot it is, for people who wrote "latest" or the beginning of an id.</summary>
    public static string Describe(SnapshotTree snapshot)
    {
        var manifest = snapshot.Manifest;
        var time = manifest.Time.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
        return $"snapshot {ShortId(snapshot.Id)} of {time}, {DisplayText.Name(manifest.Source.Display)}{(manifest.Hostname is { Length: > 0 } host ? $" on {DisplayText.Name(host)}" : "")}";
    }

    public static string TagText(SnapshotManifest manifest) =>
        string.Join(',', manifest.Tags.OrderBy(tag => tag.Key, StringComparer.Ordinal).Select(tag => DisplayText.Name($"{tag.Key}={tag.Value}")));

    /// <summary>Every snapshot that can be read; each that cannot is a warning, since one damaged snapshot must not hide the others.</summary>
    public static Task<List<Snapshot>> ReadAllAsync(ChunkRepository repository, CancellationToken cancellationToken) =>
        new SnapshotCatalog(repository).ListAsync(damaged => StandardStreams.Warn(damaged.Message), cancellationToken);

    /// <summary>The snapshot that the command line names, ready to be read. The tree's reader lives as long as the process.</summary>
    public static async Task<SnapshotTree> OpenAsync(ParseResult parse, ChunkRepository repository, CancellationToken cancellationToken)
    {
        var reference = parse.GetValue(Id)!;
        // A forgotten one is in no list; by its full id it can be read as long as it is there.
        var snapshot = SnapshotId.TryParse(reference, out var id)
            ? await new SnapshotCatalog(repository).GetAsync(id, cancellationToken)
            : SnapshotSelection.Resolve(await ReadAllAsync(repository, cancellationToken), reference, null);
        await repository.LoadIndexAsync(cancellationToken);
        return new SnapshotTree(snapshot, repository.CreateReader().Source, repository.Config.Parameters.Trees);
    }

    /// <summary>A path inside a snapshot, without its slashes at both ends.</summary>
    public static byte[] PathInSnapshot(string? argument) =>
        string.IsNullOrEmpty(argument) ? [] : RawArguments.BytesOf(argument).AsSpan().Trim((byte)'/').ToArray();

    public static (int Part, int Parts) ParsePart(string flag, string text) =>
        text.Split('/') is [var part, var parts] && int.TryParse(part, out var n) && int.TryParse(parts, out var m) && n >= 1 && m >= n
            ? (n, m)
            : throw new UsageException($"{flag} {text}: not a part (write it as n/m, with n from 1 to m, or as p%)");
}
