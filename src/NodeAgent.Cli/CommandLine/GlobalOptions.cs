using System.CommandLine;

namespace NodeAgent.Cli.CommandLine;

/// <summary>Flags that every verb takes.</summary>
internal static class GlobalOptions
{
    public static readonly Option<bool> Verbose = new("--verbose") { Description = "Say more, and show where an error came from", Recursive = true };

    public static bool IsVerbose(ParseResult parse) =>
        parse.GetValue(Verbose) || Environment.GetEnvironmentVariable("NODEAGENT_DEBUG") is not (null or "" or "0");
}
