using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;

namespace NodeAgent.Cli.Cluster;

/// <summary>`backup logs` and `restore logs`: the log that the server kept of a run that has ended.</summary>
internal static class LogsCommand
{
    private static readonly string[] PhasesWithLog =
        ["Completed", "PartiallyFailed", "Failed", "WaitingForPluginOperations", "WaitingForPluginOperationsPartiallyFailed"];

    private static readonly Argument<string> ResourceName = new("NAME") { Description = "Name" };
    private static readonly Option<string> Output = Flags.Choice("--output", "Output format; json is one list of all lines, each an object of its fields", ["text", "json"], "text", "-o");

    public static Command Create(VeleroKind kind)
    {
        var command = new Command("logs", $"Print the log of a {kind.Noun}")
        {
            ResourceName, Output, DownloadTrust.Timeout, CertificateOptions.SkipVerification, CertificateOptions.CaCertificate,
        };
        command.Runs((parse, cancellationToken) => ExecuteAsync(kind, parse, cancellationToken));
        return command;
    }

    private static async Task<int> ExecuteAsync(VeleroKind kind, ParseResult parse, CancellationToken cancellationToken)
    {
        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        var resource = await cluster.GetAsync(kind, parse.GetValue(ResourceName)!, cancellationToken);
        var name = resource.Name();
        if (!PhasesWithLog.Contains(resource.Phase()))
            throw new CommandException(ExitCode.Failed, $"{kind.Noun} {name}: there is no log yet, its phase is {resource.Phase()} (wait until it has ended)");

        var location = await cluster.StorageLocationOfAsync(kind, resource, cancellationToken);
        using var client = new DownloadClient(cluster, DownloadTrust.From(parse), parse.GetValue(DownloadTrust.Timeout)!.Value);
        await using var log = await client.OpenTextAsync(kind.Kind + "Log", name, location, cancellationToken)
            ?? throw new CommandException(ExitCode.NotFound, $"{kind.Noun} {name}: its log is not in the backup location");
        using var reader = new StreamReader(log);
        if (parse.GetValue(Output) == "json")
        {
            var lines = new JsonArray();
            while (await reader.ReadLineAsync(cancellationToken) is { } line) lines.Add((JsonNode)LogLine.ToJson(line));
            await StandardStreams.Out.WriteLineAsync(JsonText.Format(lines));
            return ExitCode.Done;
        }

        while (await reader.ReadLineAsync(cancellationToken) is { } line)
            await StandardStreams.Out.WriteLineAsync(DisplayText.OneLine(line));
        return ExitCode.Done;
    }
}
