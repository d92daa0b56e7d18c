using System.Globalization;

namespace NodeAgent.Cli.Progress;

/// <summary>The few control sequences that the live display needs.</summary>
internal static class Ansi
{
    public const string HideCursor = "\e[?25l";
    public const string ShowCursor = "\e[?25h";
    public const string Dim = "\e[2m";
    public const string Reset = "\e[0m";

    /// <summary>Moves up so many lines and clears from there to the end of the screen.</summary>
    public static string EraseLinesAbove(int lines) => string.Create(CultureInfo.InvariantCulture, $"\e[{lines}A\r\e[0J");
}
