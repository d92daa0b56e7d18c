using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Keys;

namespace NodeAgent.Cli.Machine;

/// <summary>Makes a new root key for all that is written from now on.</summary>
internal static class RepoKeyRotateCommand
{
    private static readonly Option<string[]> AlsoKeyFile = Flags.List("--also-key-file", "Key file of another who goes on opening the repository (may be repeated)", "file,...");
    private static readonly Option<string[]> AlsoPasswordFile = Flags.List("--also-password-file", "Password file of another who goes on opening the repository (may be repeated)", "file,...");
    private static readonly Option<bool> DropOthers = Flags.Switch("--drop-other-keys", "Take the keys away whose secrets are not given; their holders must be added again");

    public static Command Create()
    {
        var command = new Command("rotate", "Encrypt all that is written from now on under a new root key") { AlsoKeyFile, AlsoPasswordFile, DropOthers };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var others = new List<RepositorySecret>();
        IReadOnlyList<KeyInfo> dropped;
        try
        {
            others.AddRange(parse.GetValue(AlsoKeyFile)!.Select(RepositorySecrets.FromKeyFile));
            others.AddRange(parse.GetValue(AlsoPasswordFile)!.Select(RepositorySecrets.FromPasswordFile));
            dropped = await new RepositoryKeys(repository).RotateAsync(others, parse.GetValue(DropOthers), cancellationToken);
        }
        catch (KeyRefusedException refused) when (refused.LeftOut.Count > 0)
        {
            throw new CommandException(ExitCode.Failed, $"{refused.Message} (give them with {AlsoKeyFile.Name} or {AlsoPasswordFile.Name}, or take those keys away with {DropOthers.Name} and add them again)", refused);
        }
        finally
        {
            foreach (var secret in others) secret.Dispose();
        }

        var keys = await new RepositoryKeys(repository).ListAsync(cancellationToken);
        if (MachineOutput.IsJson(parse))
        {
            MachineOutput.PrintJson(new JsonObject { ["keys"] = ToJson(keys.Where(key => key.IsCurrent)), ["dropped"] = ToJson(dropped) });
            return ExitCode.Done;
        }

        await StandardStreams.Out.WriteLineAsync("What is written from now on has a new root key; what is there stays readable, and deduplication goes on.");
        foreach (var key in keys.Where(key => key.IsCurrent)) await StandardStreams.Out.WriteLineAsync($"opens everything: {key.Id} ({DisplayText.Name(key.Label)})");
        foreach (var key in dropped) await StandardStreams.Out.WriteLineAsync($"taken away, add it again: {key.Id} ({DisplayText.Name(key.Label)})");
        return ExitCode.Done;
    }

    private static JsonArray ToJson(IEnumerable<KeyInfo> keys) => new([.. keys.Select(key => (JsonNode)new JsonObject { ["id"] = key.Id, ["label"] = key.Label })]);
}
