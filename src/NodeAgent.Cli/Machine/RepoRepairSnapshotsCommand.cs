using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Repository.Parity;
using NodeAgent.Repository.Repair;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Cli.Machine;

/// <summary>Says what is lost of snapshots, and writes versions of them without it.</summary>
internal static class RepoRepairSnapshotsCommand
{
    private static readonly Argument<string[]> Ids = new("ID") { Description = "Ids of snapshots, or beginnings of them; without any, all that are not forgotten", Arity = ArgumentArity.ZeroOrMore };
    private static readonly Option<bool> Forget = Flags.Switch("--forget", "Forget the damaged snapshots, of which a repaired version is there then, and those whose object is damaged");

    public static Command Create()
    {
        var command = new Command("snapshots", "Write damaged snapshots anew without what is lost, and say what that is") { Ids, RepairOptions.DryRun, Forget };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var ids = parse.GetValue(Ids)!;
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var all = ids.Length == 0 ? [] : await SnapshotArguments.ReadAllAsync(repository, cancellationToken);
        var options = new SnapshotRepairOptions
        {
            Snapshots = ids.Length == 0 ? null : [.. ids.Select(id => SnapshotSelection.Resolve(all, id, null).Id)],
            DryRun = parse.GetValue(RepairOptions.DryRun),
            Forget = parse.GetValue(Forget),
            Origin = RepairOptions.Origin,
        };
        var mended = await new ParityRepair(repository).MendSnapshotsAsync(options.DryRun, cancellationToken);
        SnapshotRepairReport report;
        await using (var display = MachineOutput.StartProgress(parse, "repair snapshots"))
            report = await new SnapshotRepair(repository, options, new CheckProgressReporter(display)).ExecuteAsync(cancellationToken);
        if (MachineOutput.IsJson(parse)) PrintJson(report, mended, options);
        else await PrintTextAsync(report, mended, options);
        return report.Snapshots.Count + report.Unreadable.Count == 0 ? ExitCode.Done : ExitCode.PartiallyFailed;
    }

    private static async Task PrintTextAsync(SnapshotRepairReport report, IReadOnlyList<string> mended, SnapshotRepairOptions options)
    {
        var output = StandardStreams.Out;
        await RepairOptions.PrintMendedAsync(mended, options.DryRun);
        foreach (var snapshot in report.Snapshots)
        {
            var manifest = snapshot.Original.Manifest;
            await output.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture,
                $"snapshot {SnapshotArguments.ShortId(snapshot.Original.Id)} of {DisplayText.Name(manifest.Source.Display)}, {manifest.Time.ToLocalTime():yyyy-MM-dd HH:mm:ss}: {Amount.Of(snapshot.Losses.Count, "loss", "losses")}"));
            foreach (var loss in snapshot.Losses)
                await output.WriteLineAsync($"    {(loss.Path.Length == 0 ? "/" : DisplayText.Name(loss.Path.Span))}: {TreeLossText.Of(loss)}");
            if (snapshot.Regained > 0) await output.WriteLineAsync($"    {Amount.Of(snapshot.Regained, "file", "files")} taken from other snapshots, in which they are untouched and whole");
            if (snapshot.Repaired is { } repaired)
                await output.WriteLineAsync($"    {(snapshot.IsKnown ? "was repaired before" : "repaired")} as {SnapshotArguments.ShortId(repaired)}{(snapshot.IsForgotten ? "; the damaged one is forgotten" : "")}");
        }

        foreach (var damaged in report.Unreadable)
            await output.WriteLineAsync($"{damaged.Key}: {damaged.Message}{(damaged.IsForgotten ? "; it is forgotten" : "")}");
        if (report.Unreadable.Count > 0) await output.WriteLineAsync("\"nodeagent repo recover\" finds the directories of snapshots whose objects are lost");
        await output.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"{Amount.Of(report.Looked, "snapshot", "snapshots")} gone through, {report.Snapshots.Count:N0} damaged, {report.Unreadable.Count:N0} unreadable"));
        if (options.DryRun) await output.WriteLineAsync(RepairOptions.NothingWasChanged);
        else if (report.Snapshots.Any(s => !s.IsForgotten)) await output.WriteLineAsync("the damaged ones are still there (--forget takes them out of the list); \"nodeagent repo prune\" refuses to work while they are, and for a day after");
    }

    private static void PrintJson(SnapshotRepairReport report, IReadOnlyList<string> mended, SnapshotRepairOptions options) => MachineOutput.PrintJson(new JsonObject
    {
        ["dryRun"] = options.DryRun,
        ["mended"] = new JsonArray([.. mended.Select(key => (JsonNode)key)]),
        ["looked"] = report.Looked,
        ["snapshots"] = new JsonArray([.. report.Snapshots.Select(snapshot => (JsonNode)new JsonObject
        {
            ["id"] = snapshot.Original.Id.ToString(),
            ["source"] = snapshot.Original.Manifest.Source.Display,
            ["repaired"] = snapshot.Repaired?.ToString(),
            ["forgotten"] = snapshot.IsForgotten,
            ["regained"] = snapshot.Regained,
            ["losses"] = new JsonArray([.. snapshot.Losses.Select(ToJson)]),
        })]),
        ["unreadable"] = new JsonArray([.. report.Unreadable.Select(d => (JsonNode)new JsonObject { ["object"] = d.Key, ["message"] = d.Message, ["forgotten"] = d.IsForgotten })]),
    });

    private static JsonNode ToJson(TreeLoss loss)
    {
        var node = new JsonObject { ["kind"] = KindOf(loss.Kind) };
        MachineOutput.SetPath(node, loss.Path.Span);
        node["lostBytes"] = loss.LostBytes;
        node["size"] = loss.Size;
        node["entries"] = loss.Entries;
        node["message"] = TreeLossText.Of(loss);
        return node;
    }

    private static string KindOf(TreeLossKind kind) => kind switch
    {
        TreeLossKind.File => "file",
        TreeLossKind.Part => "part",
        TreeLossKind.Attribute => "attribute",
        _ => "entries",
    };
}
