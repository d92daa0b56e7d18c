using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Cli.Machine;

/// <summary>Lists what is in a snapshot. Entries are printed as they are read, so a huge directory needs no memory.</summary>
internal static class SnapshotLsCommand
{
    private static readonly Argument<string?> InnerPath = new("PATH") { Description = "Path in the snapshot (default: all of it)", Arity = ArgumentArity.ZeroOrOne };
    private static readonly Option<bool> Long = Flags.Switch("--long", "Show mode, owner, size and time", "-l");
    private static readonly Option<bool> Recursive = Flags.Switch("--recursive", "Go into directories", "-R");

    public static Command Create()
    {
        var command = new Command("ls", "List what is in a snapshot") { SnapshotArguments.Id, InnerPath, Long, Recursive };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var snapshot = await SnapshotArguments.OpenAsync(parse, repository, cancellationToken);
        var path = SnapshotArguments.PathInSnapshot(parse.GetValue(InnerPath));
        var start = await snapshot.FindAsync(path, cancellationToken);
        await using var json = new Utf8JsonWriter(StandardStreams.RawOut, new JsonWriterOptions { Indented = true });
        IEntryLister lister = MachineOutput.IsJson(parse)
            ? new JsonLister(StandardStreams.RawOut, json)
            : new TextLister(StandardStreams.Out, parse.GetValue(Long), snapshot.Manifest, TimeZoneInfo.Local);
        lister.Begin();
        if (start.Type == TreeEntryType.Directory)
        {
            await foreach (var (entryPath, entry) in SnapshotWalk.BelowAsync(snapshot.Entries, start, path, parse.GetValue(Recursive), cancellationToken))
                lister.Add(entryPath, entry);
        }
        else
        {
            lister.Add(path, start);
        }

        lister.End();
        return ExitCode.Done;
    }
}
