using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;

namespace NodeAgent.Cli.Machine;

/// <summary>What a repository is, from its config alone.</summary>
internal static class RepoInfoCommand
{
    public static Command Create()
    {
        var command = new Command("info", "Show what a repository is");
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var config = repository.Config;
        if (MachineOutput.IsJson(parse))
        {
            MachineOutput.PrintJson(new JsonObject
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
            });
            return ExitCode.Done;
        }

        var table = new TextTable();
        table.Add("repository", DisplayText.Name(repository.Store.Location));
        table.Add("id", config.Id);
        table.Add("version", "1");
        table.Add("created", config.Created.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture));
        table.Add("chunks", $"{ByteSize.Format(config.Parameters.Chunker.MinSize)} to {ByteSize.Format(config.Parameters.Chunker.MaxSize)}, {ByteSize.Format(config.Parameters.Chunker.AverageSize)} on average");
        table.Add("packs", $"about {ByteSize.Format(config.Parameters.PackTarget)}");
        table.WriteTo(StandardStreams.Out);
        return ExitCode.Done;
    }
}
