using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;

namespace NodeAgent.Cli.Machine;

/// <summary>What a repository holds, and what that takes.</summary>
internal static class RepoStatsCommand
{
    public static Command Create()
    {
        var command = new Command("stats", "Show what a repository holds and takes");
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var snapshots = await SnapshotArguments.ReadAllAsync(repository, cancellationToken);
        await repository.LoadIndexAsync(cancellationToken);
        var stats = repository.GetStatistics();
        var restorable = snapshots.Sum(s => s.Manifest.Stats.Bytes);
        if (MachineOutput.IsJson(parse))
        {
            MachineOutput.PrintJson(new JsonObject
            {
                ["snapshots"] = snapshots.Count,
                ["restorableBytes"] = restorable,
                ["packs"] = stats.Packs,
                ["chunks"] = stats.Chunks,
                ["bytes"] = stats.PlainBytes,
                ["storedBytes"] = stats.StoredBytes,
            });
            return ExitCode.Done;
        }

        var table = new TextTable();
        table.Add("snapshots", snapshots.Count.ToString("N0", CultureInfo.InvariantCulture));
        table.Add("restorable", $"{ByteSize.Format(restorable)} over all snapshots");
        table.Add("deduplicated", $"{ByteSize.Format(stats.PlainBytes)} in {stats.Chunks.ToString("N0", CultureInfo.InvariantCulture)} chunks");
        table.Add("stored", $"{ByteSize.Format(stats.StoredBytes)} in {stats.Packs.ToString("N0", CultureInfo.InvariantCulture)} packs");
        table.WriteTo(StandardStreams.Out);
        return ExitCode.Done;
    }
}
