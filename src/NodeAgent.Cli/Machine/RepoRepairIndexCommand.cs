using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Repository.Parity;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Cli.Machine;

/// <summary>Makes the index whole again from the packs, after segments were lost or damaged, and leaves out packs that are gone.</summary>
internal static class RepoRepairIndexCommand
{
    /// <param name="name">The command has an older name too.</param>
    public static Command Create(string name)
    {
        var command = new Command(name, "Make the index whole again from what the packs say of themselves, and leave out packs that are gone") { RepairOptions.DryRun, RepairOptions.AllowMassRemoval };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var options = new IndexRebuildOptions { DryRun = parse.GetValue(RepairOptions.DryRun), AllowMassRemoval = parse.GetValue(RepairOptions.AllowMassRemoval), Origin = RepairOptions.Origin };
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var mended = await new ParityRepair(repository).MendIndexAsync(options.DryRun, cancellationToken);
        IndexRebuildReport report;
        await using (var display = MachineOutput.StartProgress(parse, "repair index"))
            report = await IndexRebuild.ExecuteAsync(repository, options, new CheckProgressReporter(display), cancellationToken);

        if (MachineOutput.IsJson(parse)) PrintJson(report, mended, options);
        else await PrintTextAsync(report, mended, options);
        return report.Unreadable.Count == 0 ? ExitCode.Done : ExitCode.PartiallyFailed;
    }

    private static async Task PrintTextAsync(IndexRebuildReport report, IReadOnlyList<string> mended, IndexRebuildOptions options)
    {
        var output = StandardStreams.Out;
        await RepairOptions.PrintMendedAsync(mended, options.DryRun);
        foreach (var removed in report.RemovedSegments) await output.WriteLineAsync($"{(options.DryRun ? "would remove" : "removed")} the damaged segment {removed}");
        foreach (var gone in report.GonePacks) await output.WriteLineAsync($"{(options.DryRun ? "would leave" : "left")} out {gone}, which is missing");
        new WarningSeries("\"nodeagent repo check --read-data\" says what is affected", "--output json lists all")
            .AddAll([.. report.Unreadable.Select(problem => $"{problem.ObjectKey}: {problem.Message}")]);
        if (report.Merged.Written > 0)
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{Amount.Of(report.Merged.Replaced, "small segment", "small segments")} merged into {report.Merged.Written:N0}"));
        await output.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"{Amount.Of(report.Segments, "sound segment", "sound segments")} kept; {Amount.Of(report.AddedPacks, "pack", "packs")} with {Amount.Of(report.AddedChunks, "chunk", "chunks")} found again; {Amount.Of(report.Unreadable.Count, "object", "objects")} cannot be read"));
        if (report.GonePacks.Count > 0) await output.WriteLineAsync("what was in missing packs is stored again by the next backup that has it, if it reads every file (snapshot create --force); run \"nodeagent repo check\" to see what is lost");
        if (options.DryRun) await output.WriteLineAsync(RepairOptions.NothingWasChanged);
    }

    private static void PrintJson(IndexRebuildReport report, IReadOnlyList<string> mended, IndexRebuildOptions options) => MachineOutput.PrintJson(new JsonObject
    {
        ["dryRun"] = options.DryRun,
        ["mended"] = new JsonArray([.. mended.Select(key => (JsonNode)key)]),
        ["segments"] = report.Segments,
        ["removedSegments"] = new JsonArray([.. report.RemovedSegments.Select(s => (JsonNode)s)]),
        ["addedPacks"] = report.AddedPacks,
        ["addedChunks"] = report.AddedChunks,
        ["gonePacks"] = new JsonArray([.. report.GonePacks.Select(p => (JsonNode)p)]),
        ["replacedSegments"] = report.Merged.Replaced,
        ["mergedSegments"] = report.Merged.Written,
        ["unreadable"] = new JsonArray([.. report.Unreadable.Select(p => (JsonNode)new JsonObject { ["object"] = p.ObjectKey, ["offset"] = p.Offset, ["message"] = p.Message })]),
    });
}
