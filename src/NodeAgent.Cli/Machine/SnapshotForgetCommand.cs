using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Cli.Machine;

/// <summary>Takes snapshots out of the list. Their data stays until it is collected.</summary>
internal static class SnapshotForgetCommand
{
    private static readonly Argument<string[]> Ids = new("ID") { Description = "latest, ids, or beginnings of ids", Arity = ArgumentArity.OneOrMore };

    public static Command Create()
    {
        var command = new Command("forget", "Take snapshots out of the list") { Ids };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var snapshots = await SnapshotArguments.ReadAllAsync(repository, cancellationToken);
        // All are found before the first is forgotten: a mistyped id changes nothing, and "latest" means one snapshot.
        var chosen = parse.GetValue(Ids)!.Select(id => SnapshotSelection.Resolve(snapshots, id, null)).DistinctBy(snapshot => snapshot.Id).ToArray();
        var catalog = new SnapshotCatalog(repository);
        var forgotten = new JsonArray();
        foreach (var (id, manifest) in chosen)
        {
            await catalog.ForgetAsync(id, "asked for on the command line", cancellationToken);
            forgotten.Add((JsonNode)new JsonObject { ["id"] = id.ToString(), ["source"] = manifest.Source.Display });
            if (!MachineOutput.IsJson(parse))
                await StandardStreams.Out.WriteLineAsync($"forgot {id} of {DisplayText.Name(manifest.Source.Display)}");
        }

        if (MachineOutput.IsJson(parse))
            MachineOutput.PrintJson(forgotten);

        return ExitCode.Done;
    }
}
