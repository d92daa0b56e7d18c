using System.CommandLine;
using System.Runtime.InteropServices;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster.Support;

/// <summary>`bug`: the text of a report with the versions filled in, to be pasted where reports go. Nothing is opened and nothing is sent.</summary>
internal static class BugCommand
{
    public static Command Create()
    {
        var command = new Command("bug", "Print the text of a report about a fault, with versions filled in");
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        string kubernetes;
        try
        {
            await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
            kubernetes = await cluster.KubernetesVersionAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is CommandException or Kubernetes.Connection.ClusterConfigException)
        {
            // A report about a cluster that is away is worth writing too.
            StandardStreams.Warn($"the version of Kubernetes is not known: {exception.Message}");
            kubernetes = "";
        }

        var features = ClientConfigFile.Load().GetValueOrDefault("features") ?? "";
        await StandardStreams.Out.WriteLineAsync($"""
            **What did you do, and what happened?**


            **What did you expect to happen?**


            **What else may help?**
            Attach the file that this writes, after a look through it (secrets are left out of it):
            nodeagent debug --backup <name> --restore <name>


            **Where?**
            - nodeagent: v{VersionCommand.Client}
            - features: {(features.Length > 0 ? features : "none")}
            - Kubernetes: {kubernetes}
            - system: {RuntimeInformation.OSDescription} ({RuntimeInformation.ProcessArchitecture})
            - cloud or hardware, and how Kubernetes was installed:
            """);
        return ExitCode.Done;
    }
}
