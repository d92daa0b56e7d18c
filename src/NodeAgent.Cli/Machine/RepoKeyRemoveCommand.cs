using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Repository.Keys;

namespace NodeAgent.Cli.Machine;

/// <summary>Takes keys and passphrases away.</summary>
internal static class RepoKeyRemoveCommand
{
    private static readonly Argument<string[]> Ids = new("ID") { Description = "Ids of keys, or beginnings of them", Arity = ArgumentArity.OneOrMore };
    private static readonly Option<bool> EvenInUse = Flags.Switch("--even-in-use", "Also the key that this command itself is given; whoever uses it cannot open the repository any more");

    public static Command Create()
    {
        var command = new Command("remove", "Take a key or passphrase away") { Ids, EvenInUse };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var keys = new RepositoryKeys(repository);
        var all = await keys.ListAsync(cancellationToken);
        // All are found before the first is removed: a mistyped id changes nothing.
        var chosen = parse.GetValue(Ids)!.Select(id => Resolve(all, id)).DistinctBy(key => key.Id).ToList();
        if (chosen.Find(key => key.IsInUse) is { } own && !parse.GetValue(EvenInUse))
            throw new CommandException(ExitCode.Failed, $"key {own.Id} ({DisplayText.Name(own.Label)}) is the one that this command was given; nothing was done (use another key, or add {EvenInUse.Name})");
        await keys.RemoveAsync([.. chosen.Select(key => key.Id)], evenInUse: true, cancellationToken);
        if (MachineOutput.IsJson(parse))
        {
            MachineOutput.PrintJson(new JsonArray([.. chosen.Select(key => (JsonNode)new JsonObject { ["id"] = key.Id, ["label"] = key.Label })]));
            return ExitCode.Done;
        }

        foreach (var key in chosen) await StandardStreams.Out.WriteLineAsync($"removed {key.Id} ({DisplayText.Name(key.Label)})");
        if (chosen.Exists(key => key.Problem is null))
            StandardStreams.Warn("whoever kept a copy of the repository's keys can still read what such a copy opens (nodeagent repo key rotate protects what is written from now on)");
        return ExitCode.Done;
    }

    private static KeyInfo Resolve(List<KeyInfo> all, string reference)
    {
        var fitting = all.Where(key => reference.Length > 0 && key.Id.StartsWith(reference, StringComparison.OrdinalIgnoreCase)).ToList();
        return fitting.Count switch
        {
            1 => fitting[0],
            0 => throw new CommandException(ExitCode.NotFound, $"there is no key {DisplayText.Name(reference)} (nodeagent repo key list shows all)"),
            _ => throw new CommandException(ExitCode.NotFound, $"{DisplayText.Name(reference)} fits {fitting.Count} keys (give more digits)"),
        };
    }
}
