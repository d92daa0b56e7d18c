using System.CommandLine;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Hosting.Logging;

namespace NodeAgent.Cli.Servers;

/// <summary>The flags of a server's log, with Velero's words.</summary>
internal static class ServerLogging
{
    public static readonly Option<string> Level = Flags.Choice("--log-level", "How much is logged", [.. LogSettings.LevelNames], "info");
    public static readonly Option<string> Format = Flags.Choice("--log-format", "How it is logged", [.. LogSettings.FormatNames], "text");
}
