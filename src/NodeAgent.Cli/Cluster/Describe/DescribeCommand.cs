using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;

namespace NodeAgent.Cli.Cluster.Describe;

/// <summary>`backup describe`, `restore describe`, `schedule describe` and `repo describe`, and the verb-noun forms of them.</summary>
internal static class DescribeCommand
{
    private static readonly Argument<string[]> Names = new("NAME") { Description = "Names (default: all)", Arity = ArgumentArity.ZeroOrMore };
    private static readonly Option<string> Selector = Flags.Text("--selector", "Only those with matching labels", "selector", "-l");
    private static readonly Option<bool> Details = Flags.Switch("--details", "Show more, as each pod volume and each resource");
    private static readonly Option<string> Output = Flags.Choice("--output", "Output format; json for one object only", ["plaintext", "json"], "plaintext", "-o");

    public static Command Create(VeleroKind kind, string name = "describe", params string[] aliases)
    {
        var command = new Command(name, $"Describe {kind.Nouns}") { Names, Selector };
        foreach (var alias in aliases)
            command.Aliases.Add(alias);
        if (HasFiles(kind))
        {
            command.Add(Details);
            command.Add(CertificateOptions.SkipVerification);
            command.Add(CertificateOptions.CaCertificate);
        }

        command.Add(Output);
        command.Runs((parse, cancellationToken) => ExecuteAsync(kind, parse, cancellationToken));
        return command;
    }

    /// <summary>Whether more is known of it than the object says.</summary>
    private static bool HasFiles(VeleroKind kind) => kind == VeleroKinds.Backup || kind == VeleroKinds.Restore;

    private static async Task<int> ExecuteAsync(VeleroKind kind, ParseResult parse, CancellationToken cancellationToken)
    {
        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        IReadOnlyList<JsonObject> resources = parse.GetValue(Names) is { Length: > 0 } names
            ? await cluster.GetManyAsync(kind, names, cancellationToken)
            : [.. ResourceOrder.ForPeople(await cluster.ListAsync(kind, parse.GetValue(Selector) ?? "", cancellationToken))];
        var asJson = parse.GetValue(Output) == "json";
        if (asJson && resources.Count != 1)
            throw new UsageException($"-o json describes one {kind.Noun}, and {resources.Count} were chosen (name one)");
        if (resources.Count == 0)
            await StandardStreams.Error.WriteLineAsync($"no {kind.Nouns} found in namespace {cluster.Namespace}");

        var text = new DescriptionWriter(StandardStreams.Out);
        for (var i = 0; i < resources.Count; i++)
        {
            if (i > 0)
            {
                text.Blank();
                text.Blank();
            }

            await DescribeAsync(kind, text, cluster, resources[i], parse, asJson, cancellationToken);
        }

        return ExitCode.Done;
    }

    private static async Task DescribeAsync(
        VeleroKind kind, DescriptionWriter text, ClusterSession cluster, JsonObject resource, ParseResult parse, bool asJson, CancellationToken cancellationToken)
    {
        if (!HasFiles(kind))
        {
            if (asJson) await StandardStreams.Out.WriteLineAsync(JsonText.Format(resource));
            else if (kind == VeleroKinds.Schedule) ScheduleDescription.Write(text, resource);
            else RepositoryDescription.Write(text, resource);
            return;
        }

        var details = parse.GetValue(Details);
        var location = await cluster.StorageLocationOfAsync(kind, resource, cancellationToken);
        using var client = new DownloadClient(cluster, DownloadTrust.From(parse), TimeSpan.FromSeconds(30));
        var files = new RunFiles(client, resource.Name(), location);
        if (kind == VeleroKinds.Restore)
        {
            if (asJson) await StandardStreams.Out.WriteLineAsync(JsonText.Format(await RestoreJsonDescription.BuildAsync(cluster, resource, files, details, cancellationToken)));
            else await RestoreDescription.WriteAsync(text, cluster, resource, files, details, cancellationToken);
            return;
        }

        var facts = await BackupFacts.CollectAsync(cluster, resource, files, details, cancellationToken);
        if (asJson)
            await StandardStreams.Out.WriteLineAsync(JsonText.Format(BackupJsonDescription.Build(facts, details)));
        else
            BackupDescription.Write(text, facts, details);
    }
}
