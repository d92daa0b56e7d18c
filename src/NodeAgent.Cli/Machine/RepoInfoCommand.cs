using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Stores.S3;

namespace NodeAgent.Cli.Machine;

/// <summary>What a repository is, from its config alone.</summary>
internal static class RepoInfoCommand
{
    private static readonly Option<bool> Probe = Flags.Switch("--probe", "Find out anew what an S3 endpoint does; writes and deletes some small objects");

    public static Command Create()
    {
        var command = new Command("info", "Show what a repository is") { Probe };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var config = repository.Config;
        var s3 = repository.Store as S3Store;
        if (parse.GetValue(Probe))
            await (s3 ?? throw new UsageException("--probe is for repositories in S3 (leave it out for a directory)")).ProbeAsync(cancellationToken);
        if (MachineOutput.IsJson(parse))
        {
            var shown = new JsonObject
            {
                ["repository"] = repository.Store.Location,
                ["id"] = config.Id,
                ["version"] = 1,
                ["created"] = config.Created.ToUniversalTime().ToString("O", CultureInfo.InvariantCulture),
                ["chunker"] = new JsonObject
                {
                    ["minimum"] = config.Parameters.Chunker.MinSize,
                    ["average"] = config.Parameters.Chunker.AverageSize,
                    ["maximum"] = config.Parameters.Chunker.MaxSize,
                },
                ["packTarget"] = config.Parameters.PackTarget,
            };
            if (s3 is not null) shown["endpoint"] = ToJson(s3.Capabilities);
            MachineOutput.PrintJson(shown);
            return ExitCode.Done;
        }

        var table = new TextTable();
        table.Add("repository", DisplayText.Name(repository.Store.Location));
        table.Add("id", config.Id);
        table.Add("version", "1");
        table.Add("created", config.Created.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture));
        table.Add("chunks", $"{ByteSize.Format(config.Parameters.Chunker.MinSize)} to {ByteSize.Format(config.Parameters.Chunker.MaxSize)}, {ByteSize.Format(config.Parameters.Chunker.AverageSize)} on average");
        table.Add("packs", $"about {ByteSize.Format(config.Parameters.PackTarget)}");
        if (s3 is not null) AddEndpoint(table, s3.Capabilities);
        table.WriteTo(StandardStreams.Out);
        return ExitCode.Done;
    }

    private static void AddEndpoint(TextTable table, S3Capabilities? found)
    {
        if (found is null)
        {
            table.Add("endpoint", "nobody has looked what it does (nodeagent repo info --probe)");
            return;
        }

        table.Add("endpoint", $"looked at {found.ProbedAt.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)}");
        table.Add("", $"conditional put {(found.HonoursConditionalPut ? "heeded" : found.RefusesCondition ? "not known" : "IGNORED")}");
        table.Add("", $"read after put {YesNo(found.ReadsAfterPut)}, listing after put {YesNo(found.ListsAfterPut)}");
        table.Add("", $"expired requests {(found.RefusesExpired ? "refused" : "ACCEPTED")}");
        table.Add("", $"bodies sent with {(found.ChecksBodyHash switch { true => "their signed hash, which is checked", false => "Content-MD5", null => "Content-MD5 (whether their signed hash is checked is not known)" })}");
        table.Add("", $"old versions {(found.KeepsVersions switch { true => "kept", false => "not kept", null => "unknown" })}");
    }

    private static string YesNo(bool value) => value ? "seen" : "NOT SEEN";

    private static JsonObject? ToJson(S3Capabilities? found) => found is null ? null : new JsonObject
    {
        ["probedAt"] = found.ProbedAt.ToUniversalTime().ToString("O", CultureInfo.InvariantCulture),
        ["conditionalPut"] = found.HonoursConditionalPut,
        ["readAfterPut"] = found.ReadsAfterPut,
        ["listAfterPut"] = found.ListsAfterPut,
        ["refusesExpired"] = found.RefusesExpired,
        ["checksBodyHash"] = found.ChecksBodyHash,
        ["keepsVersions"] = found.KeepsVersions,
    };
}
