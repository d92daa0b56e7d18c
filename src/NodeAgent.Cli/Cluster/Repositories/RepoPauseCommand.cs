using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster.Repositories;

/// <summary>`repo pause` and `repo unpause`: whether the controller maintains a repository on schedule.</summary>
internal static class RepoPauseCommand
{
    private const string Suspended = "nodeagent.io/maintenance-suspended";

    public static Command CreatePause() => Create("pause", "Stop scheduled maintenance of repositories of a cluster", pause: true);

    public static Command CreateUnpause() => Create("unpause", "Let repositories of a cluster be maintained again", pause: false);

    public static bool IsPaused(JsonObject repository) => repository.Raw("metadata", "annotations", Suspended) == "true";

    private static Command Create(string name, string description, bool pause)
    {
        var command = new Command(name, description) { SelectionOptions.Names, SelectionOptions.All, SelectionOptions.Selector };
        command.Runs((parse, cancellationToken) => ExecuteAsync(parse, pause, cancellationToken));
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, bool pause, CancellationToken cancellationToken)
    {
        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        foreach (var repository in await SelectionOptions.ResolveAsync(parse, cluster, VeleroKinds.Repository, cancellationToken))
        {
            if (IsPaused(repository) == pause)
            {
                await StandardStreams.Error.WriteLineAsync($"Repository \"{repository.Name()}\" is {(pause ? "paused already" : "not paused")}.");
                continue;
            }

            var metadata = new JsonObject { ["annotations"] = new JsonObject { [Suspended] = pause ? "true" : null } };
            await cluster.PatchAsync(VeleroKinds.Repository, repository.Name(), new JsonObject { ["metadata"] = metadata }, cancellationToken);
            await StandardStreams.Out.WriteLineAsync($"Maintenance of repository \"{repository.Name()}\" {(pause ? "paused" : "unpaused")} successfully.");
        }

        return ExitCode.Done;
    }
}
