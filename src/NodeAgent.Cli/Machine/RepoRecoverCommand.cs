using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Repository.Repair;

namespace NodeAgent.Cli.Machine;

/// <summary>Makes a snapshot of directories that no snapshot leads to.</summary>
internal static class RepoRecoverCommand
{
    private static readonly Argument<string[]> Roots = new("ID") { Description = "Only these directories, as --dry-run lists them; without any, all", Arity = ArgumentArity.ZeroOrMore };

    public static Command Create()
    {
        var command = new Command("recover", "Make a snapshot of directories that no snapshot leads to: of lost snapshots, and of backups that were stopped") { Roots, RepairOptions.DryRun };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var roots = parse.GetValue(Roots)!;
        var options = new SnapshotRecoveryOptions { Roots = roots.Length == 0 ? null : roots, DryRun = parse.GetValue(RepairOptions.DryRun), Origin = RepairOptions.Origin };
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        SnapshotRecoveryReport report;
        await using (var display = MachineOutput.StartProgress(parse, "recover"))
            report = await new SnapshotRecovery(repository, options, new CheckProgressReporter(display)).ExecuteAsync(cancellationToken);
        if (MachineOutput.IsJson(parse)) PrintJson(report, options);
        else await PrintTextAsync(report, options);
        return report.Losses.Count == 0 ? ExitCode.Done : ExitCode.PartiallyFailed;
    }

    private static async Task PrintTextAsync(SnapshotRecoveryReport report, SnapshotRecoveryOptions options)
    {
        var output = StandardStreams.Out;
        if (report.Trees.Count > 0)
        {
            var table = new TextTable("ID", "NEWEST", "ENTRIES", "SOME OF ITS NAMES").AlignRight(2);
            foreach (var tree in report.Trees)
            {
                table.Add(
                    tree.Root.ToString()[..12],
                    tree.Newest.Seconds == 0 ? "" : tree.Newest.ToDateTimeOffset()?.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) ?? "",
                    tree.Entries.ToString("N0", CultureInfo.InvariantCulture),
                    string.Join(", ", tree.Names.Select(name => DisplayText.Name(name.Span))) + (tree.Entries > tree.Names.Count ? ", ..." : ""));
            }

            table.WriteTo(output);
        }

        foreach (var loss in report.Losses) await output.WriteLineAsync($"{DisplayText.Name(loss.Path.Span)}: {TreeLossText.Of(loss)}");
        if (report.Unreadable > 0) StandardStreams.Warn($"{Amount.Of(report.Unreadable, "page or pack", "pages or packs")} could not be read (\"nodeagent repo check --read-data\" names them)");
        await output.WriteLineAsync($"{Amount.Of(report.Trees.Count, "directory that no snapshot leads to", "directories that no snapshot leads to")}{(report.Snapshot is { } id ? $", now in snapshot {SnapshotArguments.ShortId(id)}" : "")}");
        if (options.DryRun) await output.WriteLineAsync(RepairOptions.NothingWasChanged);
    }

    private static void PrintJson(SnapshotRecoveryReport report, SnapshotRecoveryOptions options) => MachineOutput.PrintJson(new JsonObject
    {
        ["dryRun"] = options.DryRun,
        ["snapshot"] = report.Snapshot?.ToString(),
        ["directories"] = new JsonArray([.. report.Trees.Select(tree => (JsonNode)new JsonObject
        {
            ["id"] = tree.Root.ToString(),
            ["entries"] = tree.Entries,
            ["newest"] = tree.Newest.Seconds == 0 ? null : tree.Newest.ToDateTimeOffset()?.ToString("O", CultureInfo.InvariantCulture),
            ["names"] = new JsonArray([.. tree.Names.Select(name => (JsonNode)DisplayText.Name(name.Span))]),
        })]),
        ["lost"] = report.Losses.Count,
        ["unreadable"] = report.Unreadable,
    });
}
