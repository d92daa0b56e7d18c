using System.Globalization;

namespace NodeAgent.Cli.Progress;

/// <summary>The few control sequences that the live display needs.</summary>
internal static class Ansi
{
    public const string HideCursor = "\e[?25l";
    public const string ShowCursor = "\e[?25h";
    public const string Dim = "\e[2m";
    public const string Reset = "\e[0m";

    public const string EraseToEndOfLine = "\e[K";
    public const string EraseToEndOfScreen = "\e[0J";

    /// <summary>The start of the line so many lines up.</summary>
    public static string Up(int lines) => string.Create(CultureInfo.InvariantCulture, $"\e[{lines}A\r");
}
