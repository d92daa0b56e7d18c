using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Cli.Machine;

/// <summary>Lists snapshots, oldest first, so that the newest stands above the prompt.</summary>
internal static class SnapshotListCommand
{
    private const int ShortId = 12;

    private static readonly Option<int> Latest = Flags.Count("--latest", "Only so many, the newest (0: all)");

    public static Command Create()
    {
        var command = new Command("list", "List snapshots") { SnapshotArguments.Host, SnapshotArguments.SourcePath, SnapshotArguments.Tag, Latest };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var filter = SnapshotArguments.FilterOf(parse);
        var snapshots = (await SnapshotArguments.ReadAllAsync(repository, cancellationToken))
            .Where(snapshot => filter.Matches(snapshot.Manifest))
            .OrderBy(snapshot => snapshot.Manifest.Time).ToList();
        if (parse.GetValue(Latest) is > 0 and var latest && snapshots.Count > latest)
            snapshots.RemoveRange(0, snapshots.Count - latest);

        if (MachineOutput.IsJson(parse))
            MachineOutput.PrintJson(new JsonArray([.. snapshots.Select(ToJson)]));
        else
            PrintTable(snapshots);
        return ExitCode.Done;
    }

    private static void PrintTable(List<Snapshot> snapshots)
    {
        if (snapshots.Count == 0)
        {
            StandardStreams.Error.WriteLine("no snapshots");
            return;
        }

        var table = new TextTable("ID", "TIME", "HOST", "SOURCE", "FILES", "SIZE", "NEW", "STATE", "TAGS").AlignRight(4, 5, 6);
        foreach (var (id, manifest) in snapshots)
        {
            table.Add(
                id.ToString()[..ShortId],
                manifest.Time.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
                DisplayText.Name(manifest.Hostname ?? ""),
                DisplayText.Name(manifest.Source.Display),
                manifest.Stats.Files.ToString("N0", CultureInfo.InvariantCulture),
                ByteSize.Format(manifest.Stats.Bytes),
                ByteSize.Format(manifest.Stats.NewBytes),
                manifest.Outcome == SnapshotOutcome.Completed ? "ok" : string.Create(CultureInfo.InvariantCulture, $"{manifest.IssueCount} not read"),
                string.Join(',', manifest.Tags.OrderBy(tag => tag.Key, StringComparer.Ordinal).Select(tag => DisplayText.Name($"{tag.Key}={tag.Value}"))));
        }

        table.WriteTo(StandardStreams.Out);
    }

    private static JsonObject ToJson(Snapshot snapshot) => new()
    {
        ["id"] = snapshot.Id.ToString(),
        ["time"] = snapshot.Manifest.Time.ToUniversalTime().ToString("O", CultureInfo.InvariantCulture),
        ["completed"] = snapshot.Manifest.Completed?.ToUniversalTime().ToString("O", CultureInfo.InvariantCulture),
        ["hostname"] = snapshot.Manifest.Hostname,
        ["username"] = snapshot.Manifest.Username,
        ["kind"] = snapshot.Manifest.Source.Kind,
        ["source"] = snapshot.Manifest.Source.Display,
        ["tags"] = new JsonObject([.. snapshot.Manifest.Tags.Select(tag => KeyValuePair.Create(tag.Key, (JsonNode?)JsonValue.Create(tag.Value)))]),
        ["parent"] = snapshot.Manifest.Parent,
        ["outcome"] = snapshot.Manifest.Outcome.ToString(),
        ["files"] = snapshot.Manifest.Stats.Files,
        ["directories"] = snapshot.Manifest.Stats.Directories,
        ["bytes"] = snapshot.Manifest.Stats.Bytes,
        ["newBytes"] = snapshot.Manifest.Stats.NewBytes,
        ["storedBytes"] = snapshot.Manifest.Stats.StoredBytes,
        ["issues"] = snapshot.Manifest.IssueCount,
    };
}
