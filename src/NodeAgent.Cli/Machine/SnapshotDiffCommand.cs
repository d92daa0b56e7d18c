using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Cli.Machine;

/// <summary>Shows what differs between two snapshots. Each path is printed when it is found: the answer may be longer than memory.</summary>
internal static class SnapshotDiffCommand
{
    private static readonly Argument<string> First = new("A") { Description = "The earlier snapshot: latest, an id, or the beginning of one" };
    private static readonly Argument<string> Second = new("B") { Description = "The later snapshot" };
    private static readonly Argument<string?> InnerPath = new("PATH") { Description = "Only what is at this path and below it", Arity = ArgumentArity.ZeroOrOne };
    private static readonly Option<bool> Metadata = Flags.Switch("--metadata", "Also what differs in owner, mode, times or attributes only");

    public static Command Create()
    {
        var command = new Command("diff", "Show what differs between two snapshots") { First, Second, InnerPath, Metadata };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        // 1. Both snapshots; of a repository, so that what they share has the same ids.
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var all = await SnapshotArguments.ReadAllAsync(repository, cancellationToken);
        var first = SnapshotSelection.Resolve(all, parse.GetValue(First)!, null);
        var second = SnapshotSelection.Resolve(all, parse.GetValue(Second)!, null);
        await repository.LoadIndexAsync(cancellationToken);
        using var reader = repository.CreateReader();
        var trees = new TreeReader(reader.Source, repository.Config.Parameters.Trees);

        // 2. The part of them that is asked for; it may be missing in one of them.
        var path = SnapshotArguments.PathInSnapshot(parse.GetValue(InnerPath));
        var before = await trees.FindPathAsync(first.Manifest.ReadRoot(), path, cancellationToken);
        var after = await trees.FindPathAsync(second.Manifest.ReadRoot(), path, cancellationToken);
        if (before is null && after is null)
            throw new CommandException(ExitCode.NotFound, $"{DisplayText.Name(path)} is in neither snapshot (see: nodeagent snapshot ls {SnapshotArguments.ShortId(second.Id)})");

        // 3. Each difference, then the sums.
        var isJson = MachineOutput.IsJson(parse);
        if (!isJson) await StandardStreams.Out.WriteLineAsync($"comparing {Describe(first)} with {Describe(second)}");
        var withMetadata = parse.GetValue(Metadata);
        var summary = new DiffSummary(withMetadata);
        await foreach (var difference in new TreeDiff(trees, reader.Source).CompareAsync(before, after, path, cancellationToken))
        {
            if (difference.Changes == TreeChanges.Metadata && !withMetadata) continue;
            summary.Add(difference);
            await StandardStreams.Out.WriteLineAsync(isJson ? JsonText.Format(ToJson(difference), JsonText.Compact) : ToText(difference));
        }

        if (isJson) await StandardStreams.Out.WriteLineAsync(JsonText.Format(summary.ToJson(first.Id, second.Id), JsonText.Compact));
        else summary.Print(StandardStreams.Out);
        return ExitCode.Done;
    }

    private static string Describe(Snapshot snapshot) =>
        $"{SnapshotArguments.ShortId(snapshot.Id)} of {snapshot.Manifest.Time.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture)}";

    /// <summary>The marks of restic: + added, - removed, M content, U only metadata, T type.</summary>
    private static char Mark(TreeChanges changes) =>
        changes.HasFlag(TreeChanges.Added) ? '+'
        : changes.HasFlag(TreeChanges.Removed) ? '-'
        : changes.HasFlag(TreeChanges.Type) ? 'T'
        : changes.HasFlag(TreeChanges.Content) ? 'M' : 'U';

    private static string ToText(in TreeDifference difference)
    {
        var isDirectory = (difference.After ?? difference.Before)!.Type == TreeEntryType.Directory;
        return $"{Mark(difference.Changes)}    {MachineOutput.PathText(difference.Path.Span)}{(isDirectory ? "/" : "")}";
    }

    private static JsonObject ToJson(in TreeDifference difference)
    {
        var item = new JsonObject { ["change"] = Mark(difference.Changes).ToString() };
        MachineOutput.SetPath(item, difference.Path.Span);
        var entry = (difference.After ?? difference.Before)!;
        item["type"] = EntryTypes.Word(entry.Type);
        item["size"] = entry.Size;
        if (difference is { Before: { } before, After: not null })
        {
            if (before.Type != entry.Type) item["typeBefore"] = EntryTypes.Word(before.Type);
            if (before.Size != entry.Size) item["sizeBefore"] = before.Size;
            item["metadata"] = difference.Changes.HasFlag(TreeChanges.Metadata);
        }

        return item;
    }
}
