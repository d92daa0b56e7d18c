using System.CommandLine;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Terminal;
using NodeAgent.Repository.Repair;

namespace NodeAgent.Cli.Machine;

/// <summary>What repairs have in common.</summary>
internal static class RepairOptions
{
    public const string NothingWasChanged = "nothing was changed (dry run)";

    public static readonly Option<bool> DryRun = Flags.Switch("--dry-run", "Only say what would be done", "-n");
    public static readonly Option<bool> AllowMassRemoval = Flags.Switch("--allow-mass-removal", "Even when most packs are missing; without it, a store that is not there as a whole changes nothing");

    public static string Program => $"nodeagent {typeof(RepairOptions).Assembly.GetName().Version?.ToString(3)}";

    public static RepairOrigin Origin => new(Program, Environment.MachineName);

    /// <summary>Says what was put together again from parity.</summary>
    public static async Task PrintMendedAsync(IReadOnlyList<string> mended, bool dryRun)
    {
        foreach (var key in mended) await StandardStreams.Out.WriteLineAsync($"{(dryRun ? "would mend" : "mended")} {key} by its parity");
    }
}
