using System.Runtime.InteropServices;

namespace NodeAgent.Cli.Terminal;

/// <summary>
/// The few libc calls that Console keeps to itself: a write that reports a closed pipe, and the width of the terminal that
/// a given descriptor is (Console answers for standard output only, and progress goes to standard error).
/// </summary>
internal static partial class TerminalInterop
{
    public const int StandardOutput = 1;
    public const int StandardError = 2;

    public const int EINTR = 4;
    public const int EAGAIN = 11;
    public const int EPIPE = 32;

    // Equal on every Linux architecture that .NET runs on.
    private const nuint TIOCGWINSZ = 0x5413;

    /// <summary>Columns of the terminal behind the descriptor, or null when it is none or does not say.</summary>
    public static int? WidthOf(int descriptor) =>
        GetWindowSize(descriptor, TIOCGWINSZ, out var size) == 0 && size.Columns > 0 ? size.Columns : null;

    public static bool IsTerminal(int descriptor) => IsATty(descriptor) == 1;

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    public static partial nint Write(int descriptor, ReadOnlySpan<byte> bytes, nint count);

    [LibraryImport("libc", EntryPoint = "isatty")]
    private static partial int IsATty(int descriptor);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int GetWindowSize(int descriptor, nuint request, out WindowSize size);

    [StructLayout(LayoutKind.Sequential)]
    private struct WindowSize
    {
        public ushort Rows;
        public ushort Columns;
        public ushort PixelsAcross;
        public ushort PixelsDown;
    }
}
