using System.CommandLine;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Filesystem;

namespace NodeAgent.Cli.Machine;

/// <summary>The flags that say what is restored, and how.</summary>
internal static class RestoreOptions
{
    public static readonly Argument<string[]> Paths = new("PATH") { Description = "Paths in the snapshot, each restored at its place below the target (default: all)", Arity = ArgumentArity.ZeroOrMore };
    public static readonly Option<string> SubPath = Flags.Text("--path", "What is at this path in the snapshot becomes the target", "path");

    private static readonly Option<string> Target = new("--target", "-t") { Description = "Directory to restore to (must be given); made when it is not there", HelpName = "dir", DefaultValueFactory = static _ => "" };
    private static readonly Option<string[]> Include = Patterns("--include", "Only names or paths that match; may be repeated", "pattern", "-i");
    private static readonly Option<string[]> IncludeIgnoringCase = Patterns("--iinclude", "The same for capital and small letters alike", "pattern");
    private static readonly Option<string[]> IncludeFile = Patterns("--include-file", "File with one pattern to include a line", "file");
    private static readonly Option<string[]> Exclude = Patterns("--exclude", "Leave out names or paths that match; may be repeated", "pattern", "-e");
    private static readonly Option<string[]> ExcludeIgnoringCase = Patterns("--iexclude", "The same for capital and small letters alike", "pattern");
    private static readonly Option<string[]> ExcludeFile = Patterns("--exclude-file", "File with one pattern to exclude a line", "file");
    private static readonly Option<string> Overwrite = Flags.Choice("--overwrite", "What to do with files that exist", ["always", "if-changed", "if-newer", "never", "fail"], "always");
    private static readonly Option<bool> InPlace = Flags.Switch("--in-place", "Of files that exist rewrite only the ranges that differ, instead of replacing them");
    private static readonly Option<bool> Delete = Flags.Switch("--delete", "Remove what is in the target and not in the snapshot");
    private static readonly Option<bool> IgnoreFreeSpace = Flags.Switch("--ignore-free-space", "Begin although the target looks too small, as on a file system that compresses");

    public static void AddTo(Command command)
    {
        command.Add(Paths);
        foreach (var option in (Option[])[Target, SubPath, Include, IncludeIgnoringCase, IncludeFile, Exclude, ExcludeIgnoringCase, ExcludeFile, Overwrite, InPlace, Delete, IgnoreFreeSpace])
            command.Add(option);
    }

    /// <summary>What the command line asks for.</summary>
    /// <exception cref="UsageException">It does not fit together.</exception>
    public static async Task<RestoreRequest> ReadAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        if (parse.GetValue(Target)!.Length == 0)
            throw new UsageException("no target is named (give --target DIR)");
        var paths = parse.GetValue(Paths)!;
        if (paths.Length > 0 && parse.GetValue(SubPath)!.Length > 0)
            throw new UsageException("--path makes one path the target, and PATH restores several below it (give one of them)");
        return new RestoreRequest
        {
            TargetPath = Path.GetFullPath(parse.GetValue(Target)!),
            SubPath = SnapshotArguments.PathInSnapshot(parse.GetValue(SubPath)),
            Paths = [.. paths.Select(path => (ReadOnlyMemory<byte>)SnapshotArguments.PathInSnapshot(path))],
            Includes = [.. parse.GetValue(Include)!, .. await PatternFiles.ReadAsync(parse, IncludeFile, cancellationToken)],
            IncludesIgnoringCase = parse.GetValue(IncludeIgnoringCase)!,
            Excludes = [.. parse.GetValue(Exclude)!, .. await PatternFiles.ReadAsync(parse, ExcludeFile, cancellationToken)],
            ExcludesIgnoringCase = parse.GetValue(ExcludeIgnoringCase)!,
            IgnoreFreeSpace = parse.GetValue(IgnoreFreeSpace),
            InPlace = parse.GetValue(InPlace),
            Delete = parse.GetValue(Delete),
            Overwrite = parse.GetValue(Overwrite) switch
            {
                "if-changed" => OverwritePolicy.IfChanged,
                "if-newer" => OverwritePolicy.IfNewer,
                "never" => OverwritePolicy.Never,
                "fail" => OverwritePolicy.Fail,
                _ => OverwritePolicy.Always,
            },
        };
    }

    private static Option<string[]> Patterns(string name, string description, string helpName, params string[] aliases) =>
        new(name, aliases) { Description = description, HelpName = helpName, DefaultValueFactory = static _ => [] };
}
