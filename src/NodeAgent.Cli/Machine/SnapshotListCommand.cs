using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Cli.Machine;

/// <summary>Lists snapshots, oldest first, so that the newest stands above the prompt.</summary>
internal static class SnapshotListCommand
{
    private static readonly Option<int> Latest = Flags.Count("--latest", "Only so many, the newest (0: all)");

    private static readonly Option<bool> Forgotten = Flags.Switch("--forgotten", "Those that were forgotten and are still there: when, why, and until when they can be brought back");

    public static Command Create()
    {
        var command = new Command("list", "List snapshots")
        {
            SnapshotArguments.Host, SnapshotArguments.Namespace, SnapshotArguments.SourcePath, SnapshotArguments.Tag, Latest, Forgotten,
        };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var filter = SnapshotArguments.FilterOf(parse);
        if (parse.GetValue(Forgotten)) return await ListForgottenAsync(parse, repository, filter, cancellationToken);
        var damaged = 0;
        var snapshots = (await new SnapshotCatalog(repository).ListAsync(OnDamaged, cancellationToken))
            .Where(snapshot => filter.Matches(snapshot.Manifest))
            .OrderBy(snapshot => snapshot.Manifest.Time).ToList();
        if (parse.GetValue(Latest) is > 0 and var latest && snapshots.Count > latest)
            snapshots.RemoveRange(0, snapshots.Count - latest);

        if (MachineOutput.IsJson(parse))
            MachineOutput.PrintJson(new JsonArray([.. snapshots.Select(ToJson)]));
        else if (snapshots.Count > 0)
            PrintTable(snapshots);
        else if (damaged > 0)
            StandardStreams.Error.WriteLine($"no snapshot that could be read; {Amount.Of(damaged, "object is", "objects are")} damaged (nodeagent repo check says what is lost)");
        else
            StandardStreams.Error.WriteLine(filter.IsEmpty ? "no snapshots" : "no snapshots that match");
        return ExitCode.Done;

        void OnDamaged(RepositoryException exception)
        {
            damaged++;
            StandardStreams.Warn(exception.Message);
        }
    }

    private static async Task<int> ListForgottenAsync(ParseResult parse, ChunkRepository repository, SnapshotFilter filter, CancellationToken cancellationToken)
    {
        var forgotten = (await new SnapshotCatalog(repository).ListForgottenAsync(damaged => StandardStreams.Warn(damaged.Message), cancellationToken))
            .Where(f => filter.IsEmpty || (f.Snapshot is { } snapshot && filter.Matches(snapshot.Manifest))).ToList();
        if (parse.GetValue(Latest) is > 0 and var latest && forgotten.Count > latest)
            forgotten.RemoveRange(0, forgotten.Count - latest);
        if (MachineOutput.IsJson(parse))
        {
            MachineOutput.PrintJson(new JsonArray([.. forgotten.Select(f => (JsonNode)new JsonObject
            {
                ["id"] = f.Id.ToString(),
                ["time"] = Iso(f.Snapshot?.Manifest.Time),
                ["hostname"] = f.Snapshot?.Manifest.Hostname,
                ["source"] = f.Snapshot?.Manifest.Source.Display,
                ["forgotten"] = Iso(f.Forgotten),
                ["until"] = Iso(f.Until),
                ["reason"] = f.Reason,
            })]));
            return ExitCode.Done;
        }

        if (forgotten.Count == 0)
        {
            StandardStreams.Error.WriteLine("no forgotten snapshots");
            return ExitCode.Done;
        }

        var now = DateTimeOffset.UtcNow;
        var table = new TextTable("ID", "TIME", "HOST", "SOURCE", "FORGOTTEN", "CAN COME BACK UNTIL", "WHY")
            .Yielding(new ColumnYield(2, 6), new ColumnYield(6, 12), new ColumnYield(3, 12) { KeepsEnd = true }, new ColumnYield(4, 0), new ColumnYield(1, 0));
        foreach (var f in forgotten)
        {
            table.Add(
                SnapshotArguments.ShortId(f.Id),
                f.Snapshot is null ? "damaged" : Local(f.Snapshot.Manifest.Time),
                DisplayText.Name(f.Snapshot?.Manifest.Hostname ?? ""),
                DisplayText.Name(f.Snapshot?.Manifest.Source.Display ?? ""),
                Local(f.Forgotten),
                f.Until > now ? Local(f.Until) : "no more",
                DisplayText.Name(f.Reason ?? ""));
        }

        table.WriteTo(StandardStreams.Out);
        return ExitCode.Done;
    }

    private static string Local(DateTimeOffset time) => time.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    private static string? Iso(DateTimeOffset? time) => time?.ToUniversalTime().ToString("O", CultureInfo.InvariantCulture);

    private static void PrintTable(List<Snapshot> snapshots)
    {
        var table = new TextTable("ID", "TIME", "HOST", "SOURCE", "FILES", "SIZE", "NEW", "STATE", "TAGS").AlignRight(4, 5, 6)
            .Yielding(new ColumnYield(6, 0), new ColumnYield(4, 0), new ColumnYield(8, 8), new ColumnYield(2, 6), new ColumnYield(5, 0), new ColumnYield(3, 12) { KeepsEnd = true }, new ColumnYield(7, 0));
        foreach (var (id, manifest) in snapshots)
        {
            table.Add(
                SnapshotArguments.ShortId(id),
                Local(manifest.Time),
                DisplayText.Name(manifest.Hostname ?? ""),
                DisplayText.Name(manifest.Source.Display),
                manifest.Stats.Files.ToString("N0", CultureInfo.InvariantCulture),
                ByteSize.Format(manifest.Stats.Bytes),
                ByteSize.Format(manifest.Stats.NewBytes),
                manifest.Outcome == SnapshotOutcome.Completed ? "ok" : string.Create(CultureInfo.InvariantCulture, $"{manifest.IssueCount} not read"),
                SnapshotArguments.TagText(manifest));
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
