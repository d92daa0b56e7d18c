using System.CommandLine;
using System.Text;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Filesystem;
using NodeAgent.Repository;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Cli.Machine;

/// <summary>Backs up a directory or a file of this machine.</summary>
internal static class SnapshotCreateCommand
{
    private static readonly Argument<string> SourcePath = new("PATH") { Description = "Directory or file to back up" };
    private static readonly Option<Dictionary<string, string>> Tags = Flags.Map("--tag", "Tags of the snapshot");
    private static readonly Option<string> Host = Flags.Text("--host", "Name of the machine to record (default: its own)", "name");
    private static readonly Option<string[]> Exclude = new("--exclude", "-e") { Description = "Pattern of names or paths to leave out; may be repeated", HelpName = "pattern", DefaultValueFactory = static _ => [] };
    private static readonly Option<string[]> ExcludeFile = new("--exclude-file") { Description = "File with one pattern a line", HelpName = "file", DefaultValueFactory = static _ => [] };
    private static readonly Option<bool> ExcludeCaches = Flags.Switch("--exclude-caches", "Leave out what is in directories that a CACHEDIR.TAG marks");
    private static readonly Option<bool> OneFileSystem = Flags.Switch("--one-file-system", "Do not go into other file systems", "-x");
    private static readonly Option<string> Parent = Flags.Text("--parent", "Snapshot to take unchanged files from, or none (default: the latest of this path)", "ID|none");
    private static readonly Option<bool> Force = Flags.Switch("--force", "Read every file, also those that look unchanged", "-f");

    public static Command Create()
    {
        var command = new Command("create", "Back up a directory or a file")
        {
            SourcePath, Tags, Host, Exclude, ExcludeFile, ExcludeCaches, OneFileSystem, Parent, Force,
        };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        // 1. The repository first: a long look at the source would be for nothing without one.
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        await repository.LoadIndexAsync(cancellationToken);

        // 2. What to back up, and from which snapshot unchanged files are taken.
        var request = await BuildRequestAsync(parse, repository, cancellationToken);
        WarnOfRepositoryWithin(request, repository.Store.Location);

        // 3. The backup itself.
        BackupResult result;
        TimeSpan elapsed;
        await using (var display = MachineOutput.StartProgress(parse, "backup"))
        {
            result = await BackupRun.ExecuteAsync(repository, request, new RunProgressReporter(display), cancellationToken);
            elapsed = display.Elapsed;
        }

        // 4. What came of it.
        foreach (var issue in result.Manifest.Issues)
            StandardStreams.Warn($"{MachineOutput.PathText(issue.Path)}: {issue.Operation}: {issue.Error}");
        if (MachineOutput.IsJson(parse))
            MachineOutput.PrintJson(SnapshotSummary.ToJson(result.Id.ToString(), result.Manifest, elapsed));
        else
            SnapshotSummary.PrintText(result.Id.ToString(), result.Manifest, elapsed);
        return result.Manifest.Outcome == SnapshotOutcome.Completed ? ExitCode.Done : ExitCode.PartiallyFailed;
    }

    /// <summary>A repository that is backed up into itself grows with every backup by all that it holds.</summary>
    private static void WarnOfRepositoryWithin(BackupRequest request, string repository)
    {
        var root = Path.TrimEndingDirectorySeparator(request.SourcePath);
        repository = Path.TrimEndingDirectorySeparator(repository);
        if (repository == root)
        {
            StandardStreams.Warn($"{DisplayText.Name(root)} is the repository itself: its own packs are what is backed up (name what it is to hold)");
            return;
        }

        if (!repository.StartsWith(root.EndsWith('/') ? root : root + "/", StringComparison.Ordinal)) return;
        if (request.OneFileSystem && DirectoryIdentity.Of(root).Device != DirectoryIdentity.Of(repository).Device) return;
        // Left out with any directory above it.
        var patterns = new PathPatterns(request.Excludes);
        var inside = repository[root.Length..].Trim('/');
        for (var path = inside; path.Length > 0; path = path[..Math.Max(0, path.LastIndexOf('/'))])
        {
            if (patterns.Matches(Encoding.UTF8.GetBytes(path))) return;
        }

        StandardStreams.Warn($"the repository lies in {DisplayText.Name(root)}: its own packs are backed up with it (leave it out: --exclude {DisplayText.Name("/" + inside)})");
    }

    private static async Task<BackupRequest> BuildRequestAsync(ParseResult parse, ChunkRepository repository, CancellationToken cancellationToken)
    {
        var path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(parse.GetValue(SourcePath)!));
        if (!Path.Exists(path))
            throw new CommandException(ExitCode.Failed, $"{DisplayText.Name(path)}: no such file or directory (give the path of what is to be backed up)");
        List<string> excludes = [.. parse.GetValue(Exclude)!, .. await PatternFiles.ReadAsync(parse, ExcludeFile, cancellationToken)];
        var parent = parse.GetValue(Parent)!;
        if (parent.Length > 0 && parent != "none")
            parent = SnapshotSelection.Resolve(await SnapshotArguments.ReadAllAsync(repository, cancellationToken), parent, null).Id.ToString();
        return new BackupRequest
        {
            SourcePath = path,
            Source = new SnapshotSource { Kind = SnapshotSource.Directory, Path = path },
            Hostname = parse.GetValue(Host) is { Length: > 0 } host ? host : Environment.MachineName,
            Username = Environment.UserName,
            Program = $"nodeagent {typeof(SnapshotCreateCommand).Assembly.GetName().Version?.ToString(3)}",
            Tags = parse.GetValue(Tags)!,
            Excludes = excludes,
            ExcludeCaches = parse.GetValue(ExcludeCaches),
            OneFileSystem = parse.GetValue(OneFileSystem),
            Parent = parent.Length > 0 ? parent : "auto",
            ForceReread = parse.GetValue(Force),
        };
    }
}
