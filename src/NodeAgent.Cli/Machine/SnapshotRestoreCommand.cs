using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Filesystem;
using NodeAgent.Repository;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Cli.Machine;

/// <summary>Restores a snapshot, or parts of it, to a directory.</summary>
internal static class SnapshotRestoreCommand
{
    private static readonly Option<bool> DryRun = Flags.Switch("--dry-run", "Only list what would be made (+), replaced (M) and removed (-)", "-n");

    public static Command Create()
    {
        var command = new Command("restore", "Restore a snapshot") { SnapshotArguments.Id };
        RestoreOptions.AddTo(command);
        command.Add(DryRun);
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        // 1. What to restore. Paths are looked for first: a mistyped one must not make a target.
        var request = await RestoreOptions.ReadAsync(parse, cancellationToken);
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var snapshot = await SnapshotArguments.OpenAsync(parse, repository, cancellationToken);
        foreach (var path in (IEnumerable<ReadOnlyMemory<byte>>)[request.SubPath, .. request.Paths])
            await snapshot.FindAsync(path.ToArray(), cancellationToken);

        // 2. Only a list, or the restore itself.
        return parse.GetValue(DryRun)
            ? await PreviewAsync(parse, repository, snapshot, request, cancellationToken)
            : await RestoreAsync(parse, repository, snapshot, request, cancellationToken);
    }

    private static async Task<int> RestoreAsync(ParseResult parse, ChunkRepository repository, SnapshotTree snapshot, RestoreRequest request, CancellationToken cancellationToken)
    {
        RestoreResult result;
        TimeSpan elapsed;
        await using (var display = MachineOutput.StartProgress(parse, "restore"))
        {
            result = await RestoreRun.ExecuteAsync(repository, snapshot.Manifest, request, new RunProgressReporter(display), cancellationToken);
            elapsed = display.Elapsed;
        }

        Warn(result.Issues);
        // The target itself is a directory too.
        if (result.Files + result.Others + result.Skipped + result.IssueCount == 0 && result.Directories <= 1) WarnOfNoMatch(request);
        if (MachineOutput.IsJson(parse))
        {
            MachineOutput.PrintJson(new JsonObject
            {
                ["snapshot"] = snapshot.Id.ToString(),
                ["target"] = request.TargetPath,
                ["files"] = result.Files,
                ["directories"] = result.Directories,
                ["others"] = result.Others,
                ["unchanged"] = result.Unchanged,
                ["skipped"] = result.Skipped,
                ["deleted"] = result.Deleted,
                ["bytes"] = result.Bytes,
                ["seconds"] = elapsed.TotalSeconds,
                ["issueCount"] = result.IssueCount,
                ["issues"] = new JsonArray([.. result.Issues.Select(IssueToJson)]),
            });
        }
        else
        {
            await StandardStreams.Out.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture,
                $"restored {Amount.Of(result.Files, "file", "files")}, {Amount.Of(result.Directories, "directory", "directories")}, {Amount.Of(result.Others, "other", "others")}, {ByteSize.Format(result.Bytes)} to {DisplayText.Name(request.TargetPath)} in {elapsed.TotalSeconds:F1} s"));
            await StandardStreams.Out.WriteLineAsync($"from {SnapshotArguments.Describe(snapshot)}");
            await PrintCountAsync(result.Unchanged, "of the files was there already, unchanged", "of the files were there already, unchanged");
            await PrintCountAsync(result.Skipped, "existing file was left as it is", "existing files were left as they are");
            await PrintCountAsync(result.Deleted, "that the snapshot does not have was removed", "that the snapshot does not have were removed");
            await PrintCountAsync(result.IssueCount, "problem: not everything is as it was", "problems: not everything is as it was");
        }

        return result.IssueCount == 0 ? ExitCode.Done : ExitCode.PartiallyFailed;
    }

    private static async Task<int> PreviewAsync(ParseResult parse, ChunkRepository repository, SnapshotTree snapshot, RestoreRequest request, CancellationToken cancellationToken)
    {
        var isJson = MachineOutput.IsJson(parse);
        var counts = new Dictionary<RestoreStepKind, long>();
        var bytes = 0L;
        var issues = await RestorePreview.ExecuteAsync(repository, snapshot.Manifest, request, Print, cancellationToken);
        Warn(issues);
        if (Count(RestoreStepKind.Create) + Count(RestoreStepKind.Replace) + Count(RestoreStepKind.Keep) == 0) WarnOfNoMatch(request);
        if (isJson)
        {
            StandardStreams.Out.WriteLine(JsonText.Format(
                new JsonObject
                {
                    ["change"] = "summary",
                    ["snapshot"] = snapshot.Id.ToString(),
                    ["target"] = request.TargetPath,
                    ["created"] = Count(RestoreStepKind.Create),
                    ["replaced"] = Count(RestoreStepKind.Replace),
                    ["kept"] = Count(RestoreStepKind.Keep),
                    ["deleted"] = Count(RestoreStepKind.Delete),
                    ["bytes"] = bytes,
                },
                JsonText.Compact));
        }
        else
        {
            StandardStreams.Out.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"would make {Count(RestoreStepKind.Create):N0}, replace {Count(RestoreStepKind.Replace):N0}, leave {Count(RestoreStepKind.Keep):N0}, remove {Count(RestoreStepKind.Delete):N0} in {DisplayText.Name(request.TargetPath)}, {ByteSize.Format(bytes)} of files; nothing was done"));
            StandardStreams.Out.WriteLine($"from {SnapshotArguments.Describe(snapshot)}");
        }

        return issues.Count == 0 ? ExitCode.Done : ExitCode.PartiallyFailed;

        long Count(RestoreStepKind kind) => counts.GetValueOrDefault(kind);

        void Print(RestoreStep step)
        {
            counts[step.Kind] = Count(step.Kind) + 1;
            if (step.Kind == RestoreStepKind.Keep) return;
            if (step.Kind != RestoreStepKind.Delete) bytes += step.Size;
            var mark = step.Kind switch { RestoreStepKind.Create => '+', RestoreStepKind.Replace => 'M', _ => '-' };
            if (isJson)
            {
                var item = new JsonObject { ["change"] = mark.ToString() };
                MachineOutput.SetPath(item, step.Path.Span);
                item["type"] = EntryTypes.Word(step.Type);
                item["size"] = step.Size;
                StandardStreams.Out.WriteLine(JsonText.Format(item, JsonText.Compact));
            }
            else
            {
                StandardStreams.Out.WriteLine($"{mark}    {DisplayText.Name(step.Path.Span)}{(step.Type == TreeEntryType.Directory ? "/" : "")}");
            }
        }
    }

    private static async Task PrintCountAsync(long count, string one, string many)
    {
        if (count > 0) await StandardStreams.Out.WriteLineAsync(Amount.Of(count, one, many));
    }

    /// <summary>A mistyped pattern restores nothing, and would look like a success.</summary>
    private static void WarnOfNoMatch(RestoreRequest request)
    {
        if (request.Includes.Count + request.IncludesIgnoringCase.Count > 0)
            StandardStreams.Warn("nothing was chosen: no name or path in the snapshot matches what is to be included, or all that does is excluded (\"nodeagent snapshot ls --recursive\" lists them)");
    }

    private static void Warn(IEnumerable<FileIssue> issues)
    {
        foreach (var issue in issues)
            StandardStreams.Warn($"{MachineOutput.PathText(issue.Path)}: {issue.Operation}: {issue.Reason}");
    }

    private static JsonNode IssueToJson(FileIssue issue)
    {
        var node = new JsonObject();
        MachineOutput.SetPath(node, issue.Path);
        node["operation"] = issue.Operation;
        node["error"] = issue.Reason;
        return node;
    }
}
