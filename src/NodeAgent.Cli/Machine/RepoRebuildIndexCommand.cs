using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Progress;
using NodeAgent.Cli.Terminal;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Cli.Machine;

/// <summary>Makes the index whole again from the packs, after segments were lost or damaged.</summary>
internal static class RepoRebuildIndexCommand
{
    public static Command Create()
    {
        var command = new Command("rebuild-index", "Make the index whole again from what the packs say of themselves");
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        IndexRebuildReport report;
        await using (var display = MachineOutput.StartProgress(parse, "rebuild-index"))
            report = await IndexRebuild.ExecuteAsync(repository, new Reporter(display), cancellationToken);

        if (MachineOutput.IsJson(parse))
        {
            MachineOutput.PrintJson(new JsonObject
            {
                ["segments"] = report.Segments,
                ["removedSegments"] = new JsonArray([.. report.RemovedSegments.Select(s => (JsonNode)s)]),
                ["addedPacks"] = report.AddedPacks,
                ["addedChunks"] = report.AddedChunks,
                ["replacedSegments"] = report.Merged.Replaced,
                ["mergedSegments"] = report.Merged.Written,
                ["unreadable"] = new JsonArray([.. report.Unreadable.Select(p => (JsonNode)new JsonObject { ["object"] = p.ObjectKey, ["offset"] = p.Offset, ["message"] = p.Message })]),
            });
        }
        else
        {
            foreach (var removed in report.RemovedSegments) await StandardStreams.Out.WriteLineAsync($"removed the damaged segment {removed}");
            foreach (var problem in report.Unreadable) StandardStreams.Warn($"{problem.ObjectKey}: {problem.Message}");
            if (report.Merged.Written > 0)
                await StandardStreams.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{report.Merged.Replaced:N0} small segments merged into {report.Merged.Written:N0}"));
            await StandardStreams.Out.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture,
                $"{report.Segments:N0} sound segments kept; {report.AddedPacks:N0} packs with {report.AddedChunks:N0} chunks found again; {report.Unreadable.Count:N0} objects cannot be read"));
        }

        return report.Unreadable.Count == 0 ? ExitCode.Done : ExitCode.PartiallyFailed;
    }

    private sealed class Reporter(ProgressDisplay display) : IProgress<CheckProgress>
    {
        public void Report(CheckProgress value) =>
            display.Report(new ProgressSample(value.Done, value.Total, value.BytesDone, value.BytesTotal, true, 0, null) { Unit = value.Stage });
    }
}
