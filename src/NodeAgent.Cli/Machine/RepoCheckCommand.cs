using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Progress;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Cli.Machine;

/// <summary>Looks for damage. Exit code 1 when something is lost.</summary>
internal static class RepoCheckCommand
{
    private static readonly Option<bool> ReadData = Flags.Switch("--read-data", "Read every pack: decrypt and hash every chunk");
    private static readonly Option<string> Subset = Flags.Text("--read-data-subset", "Read only a part of the packs: n/m for the n-th of m parts, or p%", "n/m|p%");

    public static Command Create()
    {
        var command = new Command("check", "Look for damage") { ReadData, Subset };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var options = OptionsOf(parse);
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        CheckReport report;
        await using (var display = MachineOutput.StartProgress(parse, "check"))
            report = await new RepositoryCheck(repository, options, new Reporter(display)).ExecuteAsync(cancellationToken);

        if (MachineOutput.IsJson(parse)) PrintJson(report);
        else PrintText(report, options);
        return report.IsSound ? ExitCode.Done : ExitCode.Failed;
    }

    private static CheckOptions OptionsOf(ParseResult parse)
    {
        var subset = parse.GetValue(Subset)!;
        if (subset.Length == 0) return new CheckOptions { ReadData = parse.GetValue(ReadData) };
        if (!subset.EndsWith('%')) return new CheckOptions { ReadData = true, Subset = SnapshotArguments.ParsePart("--read-data-subset", subset) };
        if (!double.TryParse(subset[..^1], NumberStyles.Float, CultureInfo.InvariantCulture, out var percent) || percent is not (> 0 and <= 100))
            throw new UsageException($"--read-data-subset {subset}: not a share (write it as p%, above 0 and at most 100, or as n/m)");
        // A share becomes one of so many parts, drawn anew each time, so that repeated checks get round.
        var parts = (int)Math.Min(Math.Round(100 / percent), 1_000_000);
        return new CheckOptions { ReadData = true, Subset = (Random.Shared.Next(parts) + 1, parts) };
    }

    private static void PrintText(CheckReport report, CheckOptions options)
    {
        foreach (var problem in report.Problems.OrderByDescending(p => p.IsDamage))
        {
            var place = problem.Offset is { } offset ? string.Create(CultureInfo.InvariantCulture, $"{problem.ObjectKey} at byte {offset}") : problem.ObjectKey;
            StandardStreams.Out.WriteLine($"{(problem.IsDamage ? "damage" : "note")}: {place}: {problem.Message}");
            foreach (var file in problem.Files) StandardStreams.Out.WriteLine($"    {file}");
        }

        StandardStreams.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{report.Snapshots:N0} snapshots, {report.Packs:N0} packs, {report.Chunks:N0} chunks checked{(options.ReadData ? $", {ByteSize.Format(report.ReadBytes)} read" : "")}: {(report.IsSound ? "no damage" : "DAMAGED")}"));
    }

    private static void PrintJson(CheckReport report) => MachineOutput.PrintJson(new JsonObject
    {
        ["snapshots"] = report.Snapshots,
        ["packs"] = report.Packs,
        ["chunks"] = report.Chunks,
        ["readBytes"] = report.ReadBytes,
        ["sound"] = report.IsSound,
        ["problems"] = new JsonArray([.. report.Problems.Select(problem => (JsonNode)new JsonObject
        {
            ["severity"] = problem.IsDamage ? "damage" : "note",
            ["object"] = problem.ObjectKey,
            ["offset"] = problem.Offset,
            ["message"] = problem.Message,
            ["files"] = new JsonArray([.. problem.Files.Select(file => (JsonNode)file)]),
        })]),
    });

    private sealed class Reporter(ProgressDisplay display) : IProgress<CheckProgress>
    {
        public void Report(CheckProgress value) =>
            display.Report(new ProgressSample(value.Done, value.Total, value.BytesDone, value.BytesTotal, true, 0, null) { Unit = value.Stage });
    }
}
