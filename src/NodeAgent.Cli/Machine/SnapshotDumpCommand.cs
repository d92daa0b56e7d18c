using System.CommandLine;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Cli.Machine;

/// <summary>Writes one file of a snapshot to standard output, or a directory as a tar archive.</summary>
internal static class SnapshotDumpCommand
{
    private static readonly Argument<string> InnerPath = new("FILE") { Description = "Path in the snapshot" };
    private static readonly Option<bool> Tar = Flags.Switch("--tar", "Write a tar archive of a file or link too");

    public static Command Create()
    {
        var command = new Command("dump", "Write a file of a snapshot to standard output, or a directory as an archive") { SnapshotArguments.Id, InnerPath, Tar };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        if (StandardStreams.OutIsTerminal && parse.GetValue(Tar)) throw IsTerminal();
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var snapshot = await SnapshotArguments.OpenAsync(parse, repository, cancellationToken);
        var path = SnapshotArguments.PathInSnapshot(parse.GetValue(InnerPath));
        var entry = await snapshot.FindAsync(path, cancellationToken);
        if (parse.GetValue(Tar) || entry.Type == TreeEntryType.Directory)
        {
            if (StandardStreams.OutIsTerminal) throw IsTerminal();
            return await TarDump.WriteAsync(snapshot, entry, path, StandardStreams.RawOut, cancellationToken) ? ExitCode.Done : ExitCode.PartiallyFailed;
        }

        if (entry.Type != TreeEntryType.RegularFile)
            throw new CommandException(ExitCode.Failed, $"{DisplayText.Name(path)}: it is a {EntryTypes.Word(entry.Type)}, not a file (--tar writes anything as an archive)");
        if (entry.UnreadableContent && !entry.IsPart)
            throw new CommandException(ExitCode.PartiallyFailed, $"{DisplayText.Name(path)}: its content could not be read when it was backed up (try an earlier snapshot)");
        await SnapshotContent.WriteAsync(snapshot, entry, StandardStreams.RawOut, cancellationToken);
        if (!entry.IsPart) return ExitCode.Done;
        StandardStreams.Warn($"{DisplayText.Name(path)}: parts of it are lost, and zeros stand in their place: the snapshot was repaired");
        return ExitCode.PartiallyFailed;
    }

    private static UsageException IsTerminal() => new("this writes an archive, and standard output is a terminal (redirect it to a file or a program)");
}
