using System.CommandLine;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;

namespace NodeAgent.Cli.Cluster;

/// <summary>`plugin get`: what the server can talk to. Providers are part of the program here, so there is none to add or remove.</summary>
internal static class PluginCommands
{
    private static readonly Option<TimeSpan?> Timeout = Flags.Duration("--timeout", "How long to wait for the server's answer", "5s");
    private static readonly Argument<string> Image = new("IMAGE") { Description = "Image of a plugin" };
    private static readonly Option<string> PullPolicy = Flags.Choice("--image-pull-policy", "Accepted for compatibility", ["Always", "IfNotPresent", "Never"], "IfNotPresent");

    public static Command Create() => new Command("plugin", "Providers that the server has")
    {
        CreateGet(),
        CreateRefusal("add"),
        CreateRefusal("remove"),
    };

    public static Command CreateGet(string name = "get", params string[] aliases)
    {
        var command = new Command(name, "List the providers that the server has") { Timeout };
        foreach (var alias in aliases)
            command.Aliases.Add(alias);
        command.WithOutputOptions().Runs(ExecuteAsync);
        return command;
    }

    private static Command CreateRefusal(string name)
    {
        var command = new Command(name, "Refused: providers are part of the program") { Image, PullPolicy, SelectionOptions.Confirm };
        command.Hidden = true;
        command.Runs((parse, _) => throw new UsageException(
            $"plugin {name} {parse.GetValue(Image)}: providers are part of this program and no images are loaded into it (see: nodeagent plugin get; a BackupStorageLocation names one in spec.provider)"));
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        var status = await ServerStatus.AskAsync(cluster, parse.GetValue(Timeout)!.Value, cancellationToken);
        if (OutputOptions.PrintsOnly(parse))
        {
            OutputOptions.PrintObject(parse, status);
            return ExitCode.Done;
        }

        var plugins = status.Objects("status", "plugins")
            .OrderBy(plugin => plugin.Text("kind"), StringComparer.Ordinal)
            .ThenBy(plugin => plugin.Text("name"), StringComparer.Ordinal);
        var table = new TextTable(["NAME", "KIND"]);
        foreach (var plugin in plugins)
            table.Add([plugin.Text("name"), plugin.Text("kind")]);
        table.WriteTo(StandardStreams.Out);
        return ExitCode.Done;
    }
}
