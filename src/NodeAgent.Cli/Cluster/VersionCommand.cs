using System.CommandLine;
using System.Reflection;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster;

/// <summary>The version of this program, and of the server as it answers a ServerStatusRequest.</summary>
internal static class VersionCommand
{
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
        var status = await ServerStatus.AskAsync(cluster, parse.GetValue(Timeout)!.Value, cancellationToken);
        await StandardStreams.Out.WriteLineAsync($"Server:\n\tVersion: {status.Text("status", "serverVersion")}");
        return ExitCode.Done;
    }
}
