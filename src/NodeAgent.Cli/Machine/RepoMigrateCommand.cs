using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;
using NodeAgent.Repository;
using NodeAgent.Repository.Migration;

namespace NodeAgent.Cli.Machine;

/// <summary>Brings a repository to what newer programs store; without names, says what there would be to do.</summary>
internal static class RepoMigrateCommand
{
    private static readonly Argument<string[]> Names = new("NAME") { Description = "Migrations to run; none shows those that the repository needs", Arity = ArgumentArity.ZeroOrMore };

    public static Command Create()
    {
        var command = new Command("migrate", "Show or run migrations to newer forms of storage") { Names };
        command.Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        await using var repository = await RepositoryAccess.OpenAsync(parse, cancellationToken);
        var migrations = new RepositoryMigrations(repository, RepositoryMigrations.Known);
        var applied = new JsonArray();
        foreach (var name in parse.GetValue(Names)!)
        {
            var isDone = await migrations.ApplyAsync(name, cancellationToken);
            if (isDone) applied.Add((JsonNode)name);
            if (!MachineOutput.IsJson(parse)) await StandardStreams.Out.WriteLineAsync(isDone ? $"{name}: done" : $"{name}: there was nothing to do");
        }

        var needed = await migrations.FindAsync(cancellationToken);
        if (MachineOutput.IsJson(parse))
        {
            MachineOutput.PrintJson(new JsonObject
            {
                ["version"] = RepositoryConfig.Version,
                ["needed"] = new JsonArray([.. needed.Select(m => (JsonNode)new JsonObject { ["name"] = m.Name, ["description"] = m.Description })]),
                ["applied"] = applied,
            });
            return ExitCode.Done;
        }

        if (needed.Count == 0)
        {
            await StandardStreams.Out.WriteLineAsync($"the repository has version {RepositoryConfig.Version}, the newest: nothing to migrate");
            return ExitCode.Done;
        }

        var table = new TextTable("NAME", "DOES");
        foreach (var migration in needed) table.Add(migration.Name, migration.Description);
        table.WriteTo(StandardStreams.Out);
        return ExitCode.Done;
    }
}
