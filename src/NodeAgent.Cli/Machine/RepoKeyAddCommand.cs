using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Repository.Keys;

namespace NodeAgent.Cli.Machine;

/// <summary>Lets another key or passphrase open the repository.</summary>
internal static class RepoKeyAddCommand
{
    private static readonly Option<string> Label = Flags.Text("--label", "Whose it is, for people (default: user@host)", "text");

    public static Command Create()
    {
        var command = new Command("add", "Let another key or passphrase open the repository");
        NewSecretOptions.AddTo(command);
        command.Add(Label);
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var label = parse.GetValue(Label) is { Length: > 0 } given ? given : $"{Environment.UserName}@{Environment.MachineName}";
        if (Encoding.UTF8.GetByteCount(label) > RepositoryKeys.MaxLabelLength) throw new UsageException($"--label: longer than {RepositoryKeys.MaxLabelLength} bytes (give a shorter one)");
        // Opened first, so that no key file is left behind by somebody who cannot open the repository.
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        using var secret = NewSecretOptions.Read(parse, cancellationToken);
        var id = await new RepositoryKeys(repository).AddAsync(secret, label, cancellationToken);
        if (MachineOutput.IsJson(parse))
            MachineOutput.PrintJson(new JsonObject { ["id"] = id, ["kind"] = RepoKeyListCommand.KindText(secret.Kind), ["label"] = label });
        else
            await StandardStreams.Out.WriteLineAsync($"added {RepoKeyListCommand.KindText(secret.Kind)} {id} ({DisplayText.Name(label)})");
        return ExitCode.Done;
    }
}
