using System.Text;

namespace NodeAgent.Cli.Terminal;

/// <summary>Where commands write: results to <see cref="Out"/>, progress, logs and errors to <see cref="Error"/>.</summary>
internal static class StandardStreams
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Standard output for raw bytes. Whoever uses it flushes <see cref="Out"/> first.</summary>
    public static Stream RawOut { get; } = new DescriptorStream(TerminalInterop.StandardOutput);

    /// <summary>Buffered; <see cref="CommandRunner"/> flushes it at the end of the command.</summary>
    public static StreamWriter Out { get; } = new(RawOut, Utf8, 16 * 1024) { NewLine = "\n" };

    /// <summary>Written through at each call, and safe from several threads.</summary>
    public static TextWriter Error { get; } = TextWriter.Synchronized(
        new StreamWriter(new DescriptorStream(TerminalInterop.StandardError), Utf8, 1024) { NewLine = "\n", AutoFlush = true });

    public static bool OutIsTerminal { get; } = TerminalInterop.IsTerminal(TerminalInterop.StandardOutput);

    /// <summary>Standard error is a terminal that can move its cursor, so a live line may be drawn on it.</summary>
    public static bool ErrorIsTerminal { get; } =
        TerminalInterop.IsTerminal(TerminalInterop.StandardError) && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");

    public static bool InputIsTerminal => TerminalInterop.IsTerminal(0);

    /// <summary>The one line that a failed command ends with.</summary>
    public static void ReportError(string message) => Error.WriteLine($"error: {DisplayText.OneLine(message)}");

    public static void Warn(string message) => Error.WriteLine($"warning: {DisplayText.OneLine(message)}");
}
