using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster.Locations;

/// <summary>Changes a snapshot location.</summary>
internal static class SnapshotLocationSetCommand
{
    private static readonly Argument<string> LocationName = new("NAME") { Description = "Name of the location" };

    public static Command Create()
    {
        var command = new Command("set", "Change a snapshot location") { LocationName, CredentialOption.Credential };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var name = parse.GetValue(LocationName)!;
        var credential = CredentialOption.ValueOf(parse)
            ?? throw new UsageException($"snapshot-location set {name}: nothing to change (give --credential)");
        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        var patch = new JsonObject { ["spec"] = new JsonObject { ["credential"] = credential } };
        await cluster.PatchAsync(VeleroKinds.SnapshotLocation, name, patch, cancellationToken);
        await StandardStreams.Out.WriteLineAsync($"Snapshot volume location \"{name}\" configured successfully.");
        return ExitCode.Done;
    }
}
