using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;

namespace NodeAgent.Cli.Cluster;

/// <summary>Lists resources of one kind. The same verb for all kinds, as `backup get` and as `get backups`.</summary>
internal static class GetCommand
{
    private static readonly Argument<string[]> Names = new("NAME") { Description = "Names (default: all)", Arity = ArgumentArity.ZeroOrMore };
    private static readonly Option<string> Selector = Flags.Text("--selector", "Only those with matching labels", "selector", "-l");
    private static readonly Option<bool> OnlyDefault = Flags.Switch("--default", "Only the default location");

    public static Command Create(VeleroKind kind, string name = "get", params string[] aliases)
    {
        var command = new Command(name, $"List {kind.Nouns}") { Names, Selector };
        foreach (var alias in aliases)
            command.Aliases.Add(alias);
        if (kind == VeleroKinds.BackupLocation)
            command.Add(OnlyDefault);
        command.WithOutputOptions().Runs((parse, cancellationToken) => ExecuteAsync(kind, parse, cancellationToken));
        return command;
    }

    private static async Task<int> ExecuteAsync(VeleroKind kind, ParseResult parse, CancellationToken cancellationToken)
    {
        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        IReadOnlyList<JsonObject> resources = parse.GetValue(Names) is { Length: > 0 } names
            ? await cluster.GetManyAsync(kind, names, cancellationToken)
            : await cluster.ListAsync(kind, parse.GetValue(Selector) ?? "", cancellationToken);
        if (kind == VeleroKinds.BackupLocation && parse.GetValue(OnlyDefault))
            resources = [.. resources.Where(location => location.Flag("spec", "default") == true)];
        OutputOptions.PrintList(parse, kind, resources, cluster.Namespace);
        return ExitCode.Done;
    }
}
