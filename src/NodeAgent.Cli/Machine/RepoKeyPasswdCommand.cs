using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Repository.Keys;

namespace NodeAgent.Cli.Machine;

/// <summary>Replaces the passphrase or key that the command is given by a new one.</summary>
internal static class RepoKeyPasswdCommand
{
    public static Command Create()
    {
        var command = new Command("passwd", "Change the passphrase, or the key, that this command is given");
        NewSecretOptions.AddTo(command);
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        using var secret = NewSecretOptions.Read(parse, cancellationToken);
        var id = await new RepositoryKeys(repository).ChangeAsync(secret, cancellationToken);
        if (MachineOutput.IsJson(parse))
            MachineOutput.PrintJson(new JsonObject { ["id"] = id, ["kind"] = RepoKeyListCommand.KindText(secret.Kind) });
        else
            await StandardStreams.Out.WriteLineAsync($"changed: the new {RepoKeyListCommand.KindText(secret.Kind)} is {id}, the old one opens nothing any more");
        return ExitCode.Done;
    }
}
