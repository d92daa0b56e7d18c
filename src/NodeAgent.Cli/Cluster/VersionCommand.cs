using System.CommandLine;
using System.Reflection;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster;

/// <summary>The version of this program, and of the server as it answers a ServerStatusRequest.</summary>
internal static class VersionCommand
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(250);
    private static readonly Option<TimeSpan?> Timeout = Flags.Duration("--timeout", "How long to wait for the server's answer", "5s");
    private static readonly Option<bool> ClientOnly = Flags.Switch("--client-only", "Do not ask the server");

    public static string Client { get; } =
        typeof(VersionCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    public static Command Create()
    {
        var command = new Command("version", "Print the version of this program and of the server") { Timeout, ClientOnly };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await StandardStreams.Out.WriteLineAsync($"Client:\n\tVersion: v{Client}");
        if (parse.GetValue(ClientOnly))
            return ExitCode.Done;

        // What is known is shown before the server, which may be away, is asked.
        await StandardStreams.Out.FlushAsync(cancellationToken);
        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        var version = await AskServerAsync(cluster, parse.GetValue(Timeout)!.Value, cancellationToken);
        await StandardStreams.Out.WriteLineAsync($"Server:\n\tVersion: {version}");
        return ExitCode.Done;
    }

    private static async Task<string> AskServerAsync(ClusterSession cluster, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var request = VeleroKinds.ServerStatusRequest.NewObject($"nodeagent-cli-{Guid.NewGuid():N}"[..30], cluster.Namespace);
        request["spec"] = new JsonObject();
        await cluster.CreateAsync(VeleroKinds.ServerStatusRequest, request, cancellationToken);
        try
        {
            var started = TimeProvider.System.GetTimestamp();
            using var timer = new PeriodicTimer(PollInterval, TimeProvider.System);
            do
            {
                var state = await cluster.GetAsync(VeleroKinds.ServerStatusRequest, request.Name(), cancellationToken);
                if (state.Raw("status", "phase") == "Processed")
                    return state.Text("status", "serverVersion");
            }
            while (TimeProvider.System.GetElapsedTime(started) < timeout && await timer.WaitForNextTickAsync(cancellationToken));
        }
        finally
        {
            await cluster.TryDeleteAsync(VeleroKinds.ServerStatusRequest, request.Name(), CancellationToken.None);
        }

        throw new CommandException(ExitCode.Failed, $"server version: no answer within {timeout.TotalSeconds:0} s in namespace {cluster.Namespace} (is the controller running? --timeout waits longer, --client-only does not ask)");
    }
}
