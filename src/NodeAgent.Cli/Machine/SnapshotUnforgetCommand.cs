using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Cli.Machine;

/// <summary>Brings forgotten snapshots back, as long as nothing of them may have been removed.</summary>
internal static class SnapshotUnforgetCommand
{
    private static readonly Argument<string[]> Ids = new("ID") { Description = "Ids of forgotten snapshots, or beginnings of them (snapshot list --forgotten shows them)", Arity = ArgumentArity.OneOrMore };

    public static Command Create()
    {
        var command = new Command("unforget", "Bring forgotten snapshots back") { Ids };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var catalog = new SnapshotCatalog(repository);
        var forgotten = await catalog.ListForgottenAsync(damaged => StandardStreams.Warn(damaged.Message), cancellationToken);
        // All are found before the first is brought back: a mistyped id changes nothing.
        var chosen = parse.GetValue(Ids)!.Select(id => Resolve(forgotten, id)).Distinct().ToArray();
        var back = new JsonArray();
        foreach (var id in chosen)
        {
            var snapshot = await catalog.UnforgetAsync(id, cancellationToken);
            back.Add((JsonNode)new JsonObject { ["id"] = id.ToString(), ["source"] = snapshot.Manifest.Source.Display });
            if (!MachineOutput.IsJson(parse))
                await StandardStreams.Out.WriteLineAsync($"brought back {id} of {DisplayText.Name(snapshot.Manifest.Source.Display)}");
        }

        if (MachineOutput.IsJson(parse))
            MachineOutput.PrintJson(back);
        return ExitCode.Done;
    }

    private static SnapshotId Resolve(List<ForgottenSnapshot> forgotten, string reference)
    {
        var fitting = forgotten.Where(f => reference.Length > 0 && f.Id.ToString().StartsWith(reference, StringComparison.OrdinalIgnoreCase)).ToList();
        return fitting.Count switch
        {
            1 => fitting[0].Id,
            0 => throw new CommandException(ExitCode.NotFound, $"no forgotten snapshot has the id {DisplayText.Name(reference)}: {forgotten.Count} are forgotten and still there (nodeagent snapshot list --forgotten shows them)"),
            _ => throw new CommandException(ExitCode.NotFound, $"the id {DisplayText.Name(reference)} fits {fitting.Count} forgotten snapshots (give more digits)"),
        };
    }
}
