using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Keys;

namespace NodeAgent.Cli.Machine;

/// <summary>Who can open the repository.</summary>
internal static class RepoKeyListCommand
{
    public static Command Create()
    {
        var command = new Command("list", "List the keys and passphrases that open the repository");
        command.Runs(ExecuteAsync);
        return command;
    }

    public static string KindText(RepositorySecretKind? kind) => kind switch
    {
        RepositorySecretKind.RawKey => "key",
        RepositorySecretKind.Passphrase => "passphrase",
        _ => "",
    };

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var keys = await new RepositoryKeys(repository).ListAsync(cancellationToken);
        if (MachineOutput.IsJson(parse))
        {
            MachineOutput.PrintJson(new JsonArray([.. keys.Select(key => (JsonNode)new JsonObject
            {
                ["id"] = key.Id,
                ["kind"] = KindText(key.Kind) is { Length: > 0 } kind ? kind : null,
                ["label"] = key.Label,
                ["created"] = key.Created?.ToUniversalTime().ToString("O", CultureInfo.InvariantCulture),
                ["inUse"] = key.IsInUse,
                ["current"] = key.IsCurrent,
                ["problem"] = key.Problem,
            })]));
            return ExitCode.Done;
        }

        var table = new TextTable("ID", "KIND", "CREATED", "STATE", "LABEL");
        foreach (var key in keys)
        {
            table.Add(
                key.Id,
                KindText(key.Kind),
                key.Created?.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) ?? "",
                StateOf(key),
                DisplayText.Name(key.Label));
        }

        table.WriteTo(StandardStreams.Out);
        foreach (var key in keys.Where(key => key.Problem is not null)) StandardStreams.Warn(key.Problem!);
        foreach (var key in keys.Where(key => key is { Problem: null, IsCurrent: false }))
            StandardStreams.Warn($"key {key.Id} opens only what was written before the last rotation (add its secret again with \"nodeagent repo key add\", or remove it)");
        return ExitCode.Done;
    }

    private static string StateOf(KeyInfo key) =>
        key.Problem is not null ? "unusable" : !key.IsCurrent ? (key.IsInUse ? "in use, outdated" : "outdated") : key.IsInUse ? "in use" : "";
}
