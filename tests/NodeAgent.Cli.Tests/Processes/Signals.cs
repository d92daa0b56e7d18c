using System.Diagnostics;
using System.Globalization;

namespace NodeAgent.Cli.Tests.Processes;

/// <summary>Sends signals by process id, which Process itself cannot.</summary>
internal static class Signals
{
    public const string Interrupt = "INT";
    public const string Terminate = "TERM";

    public static void Send(int processId, string signal)
    {
        using var kill = Process.Start("kill", ["-" + signal, processId.ToString(CultureInfo.InvariantCulture)])!;
        kill.WaitForExit();
        Assert.Equal(0, kill.ExitCode);
    }
}
