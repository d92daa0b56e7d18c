using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Filesystem;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Cli.Machine;

/// <summary>Looks for files in snapshots by name or path. What snapshots share is searched once.</summary>
internal static class SnapshotFindCommand
{
    private static readonly Argument<string[]> Patterns = new("PATTERN") { Description = "Name or path with * and ?, as for --exclude", Arity = ArgumentArity.OneOrMore };
    private static readonly Option<string[]> Snapshots = new("--snapshot", "-s") { Description = "Only this snapshot: latest, an id, or the beginning of one; may be repeated", HelpName = "ID", DefaultValueFactory = static _ => [] };
    private static readonly Option<bool> IgnoreCase = Flags.Switch("--ignore-case", "Take capital and small letters as the same", "-i");
    private static readonly Option<bool> Long = Flags.Switch("--long", "Show mode, owner, size and time", "-l");
    private static readonly Option<DateTimeOffset?> Newest = TimeFlag("--newest", "Only what was modified then or earlier", "-N");
    private static readonly Option<DateTimeOffset?> Oldest = TimeFlag("--oldest", "Only what was modified then or later", "-O");

    public static Command Create()
    {
        var command = new Command("find", "Look for files in snapshots by name or path")
        {
            Patterns, Snapshots, SnapshotArguments.Host, SnapshotArguments.Namespace, SnapshotArguments.SourcePath, SnapshotArguments.Tag, IgnoreCase, Long, Newest, Oldest,
        };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        // 1. What to look for, and where.
        var patterns = new PathPatterns(parse.GetValue(Patterns)!, parse.GetValue(IgnoreCase));
        if (patterns.IsEmpty) throw new UsageException("the pattern is empty (give a name or a path, * stands for anything in a name)");
        var (oldest, newest) = (parse.GetValue(Oldest), parse.GetValue(Newest));
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var snapshots = Select(parse, await SnapshotArguments.ReadAllAsync(repository, cancellationToken));
        await repository.LoadIndexAsync(cancellationToken);
        using var reader = repository.CreateReader();
        var search = new TreeSearch(new TreeReader(reader.Source, repository.Config.Parameters.Trees), IsWanted, patterns.AreByPath);

        // 2. Snapshot by snapshot, the oldest first; each match is printed when it is found.
        var found = 0L;
        await using var json = new Utf8JsonWriter(StandardStreams.RawOut, new JsonWriterOptions { Indented = true });
        var array = MachineOutput.IsJson(parse) ? new JsonLister(StandardStreams.RawOut, json) : null;
        array?.Begin();
        foreach (var snapshot in snapshots)
        {
            var before = found;
            IEntryLister lister = array ?? (IEntryLister)new TextLister(StandardStreams.Out, parse.GetValue(Long), snapshot.Manifest, TimeZoneInfo.Local);
            if (array is not null) array.Snapshot = snapshot.Id.ToString();
            await foreach (var (path, entry) in search.FindAsync(snapshot.Manifest.ReadRoot(), cancellationToken))
            {
                if (found++ == before && array is null)
                {
                    if (before > 0) await StandardStreams.Out.WriteLineAsync();
                    await StandardStreams.Out.WriteLineAsync($"in {SnapshotArguments.ShortId(snapshot.Id)} of {snapshot.Manifest.Time.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)}, {DisplayText.Name(snapshot.Manifest.Source.Display)}:");
                }

                lister.Add(path, entry);
            }
        }

        array?.End();
        if (found == 0) await StandardStreams.Error.WriteLineAsync($"nothing found in {Amount.Of(snapshots.Count, "snapshot", "snapshots")}");
        return ExitCode.Done;

        bool IsWanted(ReadOnlyMemory<byte> path, TreeEntry entry) => patterns.Matches(path.Span) && IsOfTime(entry.Modified, oldest, newest);
    }

    private static List<Snapshot> Select(ParseResult parse, List<Snapshot> all)
    {
        var filter = SnapshotArguments.FilterOf(parse);
        var chosen = parse.GetValue(Snapshots) is { Length: > 0 } ids
            ? ids.Select(id => SnapshotSelection.Resolve(all, id, filter.IsEmpty ? null : filter)).DistinctBy(snapshot => snapshot.Id)
            : all.Where(snapshot => filter.Matches(snapshot.Manifest));
        return [.. chosen.OrderBy(snapshot => snapshot.Manifest.Time)];
    }

    private static bool IsOfTime(FileTimestamp modified, DateTimeOffset? oldest, DateTimeOffset? newest) =>
        (oldest is null || modified.CompareTo(FileTimestamp.From(oldest.Value)) >= 0) && (newest is null || modified.CompareTo(FileTimestamp.From(newest.Value)) <= 0);

    private static Option<DateTimeOffset?> TimeFlag(string name, string description, string alias) => new(name, alias)
    {
        Description = description,
        HelpName = "time",
        DefaultValueFactory = static _ => null,
        CustomParser = result =>
        {
            if (DateTimeOffset.TryParseExact(
                result.Tokens[0].Value,
                ["yyyy-MM-dd", "yyyy-MM-dd HH:mm", "yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"],
                CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeLocal,
                out var time))
                return time;
            result.AddError($"{name} {result.Tokens[0].Value}: not a time (write it as 2026-11-20, \"2026-11-20 10:30:00\" or 2026-11-20T10:30:00Z)");
            return null;
        },
    };
}
