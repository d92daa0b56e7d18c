using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster.Repositories;

/// <summary>`repo maintain`: asks the controller for maintenance now.</summary>
internal static class RepoMaintainCommand
{
    /// <summary>Annotation that the controller takes away when it begins.</summary>
    private const string Requested = "nodeagent.io/maintenance-requested";

    public static Command Create()
    {
        var command = new Command("maintain", "Let the controller check and prune repositories of a cluster now") { SelectionOptions.Names, SelectionOptions.All, SelectionOptions.Selector };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        foreach (var repository in await SelectionOptions.ResolveAsync(parse, cluster, VeleroKinds.Repository, cancellationToken))
        {
            var metadata = new JsonObject { ["annotations"] = new JsonObject { [Requested] = Timestamps.Full(TimeProvider.System.GetUtcNow()) } };
            await cluster.PatchAsync(VeleroKinds.Repository, repository.Name(), new JsonObject { ["metadata"] = metadata }, cancellationToken);
            await StandardStreams.Out.WriteLineAsync($"Maintenance of repository \"{repository.Name()}\" is requested. \"nodeagent repo describe {repository.Name()}\" shows how it went.");
        }

        return ExitCode.Done;
    }
}
