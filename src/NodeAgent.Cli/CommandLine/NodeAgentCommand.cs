using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using NodeAgent.Cli.Cluster;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Machine;
using NodeAgent.Cli.Servers;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.CommandLine;

/// <summary>The whole command tree, and what happens to a command line that does not fit it.</summary>
internal static class NodeAgentCommand
{
    public static async Task<int> RunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        // A file name or pattern may begin with '@', so response files are off.
        var parse = Create().Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parse.Action is ParseErrorAction)
            return ReportUsage(parse, Errors(parse));
        if (parse.Action is not HelpAction && UnknownFlag(parse) is { } flag)
            return ReportUsage(parse, [UnknownNames.Flag(parse, flag)]);
        if (parse.Action is HelpAction)
        {
            using var text = new StringWriter();
            var shown = parse.Invoke(new InvocationConfiguration { Output = text });
            StandardStreams.Out.Write(HelpSections.Part(text.ToString()));
            await StandardStreams.Out.FlushAsync(CancellationToken.None);
            return shown;
        }

        // The process has its own signal handling, and failures of a verb end in CommandRunner.
        var configuration = new InvocationConfiguration
        {
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
            Output = StandardStreams.Out,
            Error = StandardStreams.Error,
        };
        var code = await parse.InvokeAsync(configuration, cancellationToken);
        await StandardStreams.Out.FlushAsync(CancellationToken.None);
        return code;
    }

    internal static RootCommand Create()
    {
        var root = CreateTree();
        // "/h" is a directory here, not a question.
        var help = root.Options.OfType<HelpOption>().First();
        foreach (var alias in help.Aliases.Where(alias => alias.StartsWith('/')).ToArray())
            help.Aliases.Remove(alias);
        return root;
    }

    private static RootCommand CreateTree() => new("Backs up Kubernetes volumes and plain directories to a deduplicating, encrypted repository.")
    {
        GlobalOptions.Verbose,
        MachineCommands.CreateRepo(),
        MachineCommands.CreateSnapshot(),
        ClusterCommands.CreateBackup(),
        ClusterCommands.CreateRestore(),
        ClusterCommands.CreateSchedule(),
        ClusterCommands.CreateBackupLocation(),
        ClusterCommands.CreateSnapshotLocation(),
        ClusterCommands.CreateGet(),
        ClusterCommands.CreateCreate(),
        ClusterCommands.CreateDescribe(),
        ClusterCommands.CreateDelete(),
        ClusterCommands.CreatePlugin(),
        ClusterCommands.CreateInstall(),
        ClusterCommands.CreateUninstall(),
        ClusterCommands.CreateDebug(),
        ClusterCommands.CreateBug(),
        ClusterCommands.CreateVersion(),
        ClientConfigCommands.Create(),
        CompletionCommand.Create(),
        ControllerCommand.Create(),
        ControllerCommand.Create("server", hidden: true),
        AgentCommand.Create(),
        AgentCommand.CreateNodeAgent(),
        RestoreWaitCommand.Create(),
    };

    /// <summary>The parser takes an unknown flag for an argument where one may stand: `backup create --wiat` would create a backup of that name.</summary>
    private static string? UnknownFlag(ParseResult parse)
    {
        var beforeDoubleDash = parse.Tokens.TakeWhile(token => token.Type != TokenType.DoubleDash).ToHashSet(ReferenceEqualityComparer.Instance);
        return parse.CommandResult.Children.OfType<ArgumentResult>()
            .SelectMany(argument => argument.Tokens)
            .FirstOrDefault(token => IsFlag(token.Value) && beforeDoubleDash.Contains(token))?.Value;
    }

    private static bool IsFlag(string token) => token is ['-', _, ..];

    private static string[] Errors(ParseResult parse)
    {
        if (parse.UnmatchedTokens is [var unknown, ..] && (IsFlag(unknown) || parse.CommandResult.Command.Subcommands.Count > 0))
            return [IsFlag(unknown) ? UnknownNames.Flag(parse, unknown) : UnknownNames.Command(parse, unknown)];
        return parse.CommandResult.Command is { Subcommands.Count: > 0 } group && group.Action is null
            ? [$"which one: give {string.Join(", ", group.Subcommands.Where(command => !command.Hidden).Select(command => command.Name))}"]
            : [.. parse.Errors.Select(error => error.Message)];
    }

    private static int ReportUsage(ParseResult parse, IReadOnlyCollection<string> errors)
    {
        foreach (var error in errors)
            StandardStreams.ReportError(error);
        StandardStreams.Error.WriteLine($"run '{CommandPath(parse)} --help' for what can be given");
        return ExitCode.Usage;
    }

    private static string CommandPath(ParseResult parse)
    {
        var names = new List<string>();
        for (var result = parse.CommandResult; result is not null; result = result.Parent as CommandResult)
            names.Insert(0, result.Command is RootCommand ? "nodeagent" : result.Command.Name);
        return string.Join(' ', names);
    }
}
