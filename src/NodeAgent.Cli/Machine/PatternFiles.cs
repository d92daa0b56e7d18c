using System.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Machine;

/// <summary>Files with one pattern a line; empty lines and those that begin with # are nothing.</summary>
internal static class PatternFiles
{
    /// <summary>The patterns in the files that a flag names.</summary>
    /// <exception cref="CommandException">One cannot be read.</exception>
    public static async Task<List<string>> ReadAsync(ParseResult parse, Option<string[]> flag, CancellationToken cancellationToken)
    {
        var patterns = new List<string>();
        foreach (var file in parse.GetValue(flag)!)
        {
            try
            {
                patterns.AddRange((await File.ReadAllLinesAsync(file, cancellationToken)).Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#'));
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                throw new CommandException(ExitCode.Failed, $"{flag.Name} {DisplayText.Name(file)}: {FileFailure.Why(exception, file)}", exception);
            }
        }

        return patterns;
    }
}
