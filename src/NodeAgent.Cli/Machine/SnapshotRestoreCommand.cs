using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Filesystem;

namespace NodeAgent.Cli.Machine;

/// <summary>Restores a snapshot, or a part of it, to a directory.</summary>
internal static class SnapshotRestoreCommand
{
    private static readonly Option<string> Target = new("--target", "-t") { Description = "Directory to restore to (must be given); made when it is not there", HelpName = "dir", DefaultValueFactory = static _ => "" };
    private static readonly Option<string> SubPath = Flags.Text("--path", "Only what is at this path in the snapshot", "path");
    private static readonly Option<string[]> Include = new("--include", "-i") { Description = "Only names or paths that match; may be repeated", HelpName = "pattern", DefaultValueFactory = static _ => [] };
    private static readonly Option<string[]> Exclude = new("--exclude", "-e") { Description = "Leave out names or paths that match; may be repeated", HelpName = "pattern", DefaultValueFactory = static _ => [] };
    private static readonly Option<string> Overwrite = Flags.Choice("--overwrite", "What to do with files that exist", ["always", "never", "fail"], "always");

    private static readonly Option<bool> IgnoreFreeSpace = Flags.Switch("--ignore-free-space", "Begin although the target looks too small, as on a file system that compresses");

    public static Command Create()
    {
        var command = new Command("restore", "Restore a snapshot") { SnapshotArguments.Id, Target, SubPath, Include, Exclude, Overwrite, IgnoreFreeSpace };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        if (parse.GetValue(Target)!.Length == 0)
            throw new UsageException("no target is named (give --target DIR)");
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var snapshot = await SnapshotArguments.OpenAsync(parse, repository, cancellationToken);
        // Looked for first: a mistyped path must not make a target.
        await snapshot.FindAsync(SnapshotArguments.PathInSnapshot(parse.GetValue(SubPath)), cancellationToken);
        RestoreResult result;
        TimeSpan elapsed;
        await using (var display = MachineOutput.StartProgress(parse, "restore"))
        {
            result = await RestoreRun.ExecuteAsync(repository, snapshot.Manifest, BuildRequest(parse), new RunProgressReporter(display), cancellationToken);
            elapsed = display.Elapsed;
        }

        foreach (var issue in result.Issues)
            StandardStreams.Warn($"{DisplayText.Name(issue.Path)}: {issue.Operation}: {issue.Reason}");
        var target = Path.GetFullPath(parse.GetValue(Target)!);
        if (MachineOutput.IsJson(parse))
        {
            MachineOutput.PrintJson(new JsonObject
            {
                ["snapshot"] = snapshot.Id.ToString(),
                ["target"] = target,
                ["files"] = result.Files,
                ["directories"] = result.Directories,
                ["others"] = result.Others,
                ["skipped"] = result.Skipped,
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
                $"restored {result.Files:N0} files, {result.Directories:N0} directories, {result.Others:N0} others, {ByteSize.Format(result.Bytes)} to {DisplayText.Name(target)} in {elapsed.TotalSeconds:F1} s"));
            if (result.Skipped > 0) await StandardStreams.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{result.Skipped:N0} existing files were left as they are"));
            if (result.IssueCount > 0) await StandardStreams.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{result.IssueCount:N0} problems: not everything is as it was"));
        }

        return result.IssueCount == 0 ? ExitCode.Done : ExitCode.PartiallyFailed;
    }

    private static JsonNode IssueToJson(FileIssue issue)
    {
        var node = new JsonObject();
        MachineOutput.SetPath(node, issue.Path);
        node["operation"] = issue.Operation;
        node["error"] = issue.Reason;
        return node;
    }

    private static RestoreRequest BuildRequest(ParseResult parse) => new()
    {
        TargetPath = Path.GetFullPath(parse.GetValue(Target)!),
        SubPath = SnapshotArguments.PathInSnapshot(parse.GetValue(SubPath)),
        Includes = parse.GetValue(Include)!,
        Excludes = parse.GetValue(Exclude)!,
        IgnoreFreeSpace = parse.GetValue(IgnoreFreeSpace),
        Overwrite = parse.GetValue(Overwrite) switch
        {
            "never" => OverwritePolicy.Never,
            "fail" => OverwritePolicy.Fail,
            _ => OverwritePolicy.Always,
        },
    };
}
