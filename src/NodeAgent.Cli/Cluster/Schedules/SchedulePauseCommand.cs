using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster.Schedules;

/// <summary>`schedule pause` and `schedule unpause`, which differ in one word.</summary>
internal static class SchedulePauseCommand
{
    private static readonly Option<bool?> SkipImmediately = Flags.OptionalBool("--skip-immediately", "When unpaused, wait for the next due time even if one was missed");

    public static Command CreatePause() => Create("pause", "Pause schedules", pause: true);

    public static Command CreateUnpause() => Create("unpause", "Let paused schedules run again", pause: false);

    private static Command Create(string name, string description, bool pause)
    {
        var command = new Command(name, description) { SelectionOptions.Names, SelectionOptions.All, SelectionOptions.Selector, SkipImmediately };
        command.Runs((parse, cancellationToken) => ExecuteAsync(parse, pause, cancellationToken));
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, bool pause, CancellationToken cancellationToken)
    {
        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        foreach (var schedule in await SelectionOptions.ResolveAsync(parse, cluster, VeleroKinds.Schedule, cancellationToken))
        {
            if ((schedule.Flag("spec", "paused") ?? false) == pause)
            {
                await StandardStreams.Error.WriteLineAsync($"Schedule \"{schedule.Name()}\" is {(pause ? "paused already" : "not paused")}.");
                continue;
            }

            var spec = new JsonObject { ["paused"] = pause };
            if (parse.GetValue(SkipImmediately) is { } skip)
                spec["skipImmediately"] = skip;
            await cluster.PatchAsync(VeleroKinds.Schedule, schedule.Name(), new JsonObject { ["spec"] = spec }, cancellationToken);
            await StandardStreams.Out.WriteLineAsync($"Schedule \"{schedule.Name()}\" {(pause ? "paused" : "unpaused")} successfully.");
        }

        return ExitCode.Done;
    }
}
