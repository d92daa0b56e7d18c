using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Repository;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Parity;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.S3;

namespace NodeAgent.Cli.Machine;

/// <summary>Makes a repository, and on request the key file that opens it.</summary>
internal static class RepoInitCommand
{
    private static readonly Option<string> GenerateKey = Flags.Text("--generate-key", "Make a key file as well, readable by its owner only", "file");

    private static readonly Option<int> Parity = new("--parity")
    {
        Description = $"Turn parity on, so many blocks for each hundred ({ParityMaintenance.Range}); see \"repo parity\"",
        HelpName = "percent",
    };

    public static Command Create()
    {
        var command = new Command("init", "Make a repository") { GenerateKey, Parity };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var keyFile = parse.GetValue(GenerateKey)!;
        if (keyFile.Length > 0 && (parse.GetValue(RepositoryOptions.KeyFile)!.Length > 0 || parse.GetValue(RepositoryOptions.PasswordFile)!.Length > 0))
            throw new UsageException("--generate-key makes a key, so --key-file and --password-file name a second one (give one of the three)");

        var parity = parse.GetValue(Parity);
        if (parse.GetResult(Parity) is not null) RepoParityCommand.Require(parity, Parity.Name);
        await using var store = RepositoryOptions.StoreOf(parse);
        if (parity > 0 && !store.HasExclusiveFences)
            throw new UsageException($"--parity is for repositories in directories; an object store keeps copies itself (leave it out for {DisplayText.Name(store.Location)})");
        var path = store.Location;
        // Asked first, so that no key file is left behind for a repository that cannot be made.
        if (await store.StatAsync("config", cancellationToken) is not null)
            throw new CommandException(ExitCode.Failed, $"repository {DisplayText.Name(path)}: there is one already (use it, or give another --repo)");
        if (store is S3Store s3)
        {
            foreach (var warning in (await s3.ProbeAsync(cancellationToken)).Warnings) StandardStreams.Warn($"{path}: {warning}");
        }

        using var secret = keyFile.Length > 0 ? RepositorySecrets.Generate(keyFile) : RepositorySecrets.Read(parse, isNew: true, cancellationToken);
        await using var repository = await MakeAsync(store, secret, keyFile, cancellationToken);
        if (parity > 0) await new ParityMaintenance(repository).SetAsync(parity, cancellationToken);

        if (MachineOutput.IsJson(parse))
        {
            MachineOutput.PrintJson(new JsonObject
            {
                ["repository"] = path,
                ["id"] = repository.Config.Id,
                ["keyFile"] = keyFile.Length > 0 ? Path.GetFullPath(keyFile) : null,
            });
        }
        else
        {
            await StandardStreams.Out.WriteLineAsync($"Repository {repository.Config.Id} made in {DisplayText.Name(path)}");
        }

        if (keyFile.Length > 0)
            StandardStreams.Warn($"{DisplayText.Name(Path.GetFullPath(keyFile))} is the only key; whoever loses it loses every backup (keep a copy elsewhere)");
        return ExitCode.Done;
    }

    /// <summary>Takes a key file that was made for it away again where nothing came of it, so that the same command can be given once more.</summary>
    private static async Task<ChunkRepository> MakeAsync(IObjectStore store, RepositorySecret secret, string keyFile, CancellationToken cancellationToken)
    {
        try
        {
            return await ChunkRepository.InitializeAsync(store, secret, RepositoryParameters.Default, TimeProvider.System, cancellationToken);
        }
        catch when (keyFile.Length > 0)
        {
            if (await IsSurelyNotMadeAsync(store)) File.Delete(keyFile);
            else StandardStreams.Warn($"{DisplayText.Name(Path.GetFullPath(keyFile))} stays: the repository may have been made with it (see whether \"nodeagent repo info\" opens it, and remove the file if not)");
            throw;
        }
    }

    private static async Task<bool> IsSurelyNotMadeAsync(IObjectStore store)
    {
        // What was sent to an object store may arrive after it was given up.
        if (store is S3Store) return false;
        try
        {
            return await store.StatAsync("config", CancellationToken.None) is null;
        }
        catch (RepositoryException)
        {
            return false;
        }
    }
}
