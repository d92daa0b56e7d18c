using System.CommandLine;
using System.CommandLine.Parsing;

namespace NodeAgent.Cli.CommandLine;

/// <summary>What is said of a command or flag that there is not, with what may have been meant.</summary>
internal static class UnknownNames
{
    public static string Command(ParseResult parse, string word)
    {
        var group = parse.CommandResult.Command;
        var near = Suggestion.For(word, Visible(group).SelectMany(command => (IEnumerable<string>)[command.Name, .. command.Aliases]));
        // "nodeagent prune": the verb is right, and what it is a verb of was left out.
        if (near.Count == 0) near = [.. Visible(group).Where(command => Visible(command).Any(verb => verb.Name == word)).Select(command => $"{command.Name} {word}").Take(3)];
        return $"unknown command: {word}{Suggestion.Ask(near)}";
    }

    public static string Flag(ParseResult parse, string flag)
    {
        var name = flag.Split('=')[0];
        var known = Options(parse.CommandResult).Where(option => !option.Hidden).SelectMany(option => (IEnumerable<string>)[option.Name, .. option.Aliases])
            .Where(option => option.StartsWith("--", StringComparison.Ordinal)).ToList();
        // Given before the verb, where it means nothing yet.
        if (known.Contains(name) || Below(parse.CommandResult.Command).Any(command => command.Options.Any(option => option.Name == name || option.Aliases.Contains(name))))
            return $"unknown flag: {name} (flags go after the verb)";
        // One dash is as good as two to programs written in Go.
        var near = Suggestion.For(name.TrimStart('-'), known.Select(option => option[2..]));
        return near.Count > 0
            ? $"unknown flag: {name}{Suggestion.Ask([.. near.Select(option => "--" + option)])}"
            : $"unknown flag: {name} (a name that begins with a dash goes after --)";
    }

    private static IEnumerable<Option> Options(CommandResult command)
    {
        for (var result = command; result is not null; result = result.Parent as CommandResult)
        {
            foreach (var option in result.Command.Options.Where(option => result == command || option.Recursive)) yield return option;
        }
    }

    private static IEnumerable<Command> Below(Command command) => command.Subcommands.SelectMany(sub => (IEnumerable<Command>)[sub, .. Below(sub)]);

    private static IEnumerable<Command> Visible(Command command) => command.Subcommands.Where(sub => !sub.Hidden);
}
