using System.Runtime.InteropServices;

namespace NodeAgent.Cli.Terminal;

/// <summary>
/// The few libc calls that Console keeps to itself: a write that reports a closed pipe, the width of the terminal that
/// a given descriptor is (Console answers for standard output only, and progress goes to standard error), and input that is not shown.
/// </summary>
internal static partial class TerminalInterop
{
    public const int StandardInput = 0;
    public const int StandardOutput = 1;
    public const int StandardError = 2;

    public const int EINTR = 4;
    public const int EAGAIN = 11;
    public const int EPIPE = 32;

    // Equal on every Linux architecture that .NET runs on.
    private const nuint TIOCGWINSZ = 0x5413;

    // struct termios begins alike in glibc and musl: four words, the last of which has the local modes.
    private const int TerminalSettingsSpace = 256;
    private const int LocalModes = 3 * sizeof(uint);
    private const uint ECHO = 8;
    private const int SIGTSTP = 20;
    private const int TCSADRAIN = 1;
    private const int TCSAFLUSH = 2;

    /// <summary>Columns of the terminal behind the descriptor, or null when it is none or does not say.</summary>
    public static int? WidthOf(int descriptor) =>
        GetWindowSize(descriptor, TIOCGWINSZ, out var size) == 0 && size.Columns > 0 ? size.Columns : null;

    public static bool IsTerminal(int descriptor) => IsATty(descriptor) == 1;

    /// <summary>What is typed is no longer shown. Returns the settings of before, or null when it is no terminal.</summary>
    public static byte[]? HideInput(int descriptor)
    {
        var before = new byte[TerminalSettingsSpace];
        if (GetTerminalSettings(descriptor, before) != 0) return null;
        var hidden = before.ToArray();
        var modes = MemoryMarshal.Cast<byte, uint>(hidden.AsSpan(LocalModes, sizeof(uint)));
        modes[0] &= ~ECHO;
        return SetTerminalSettings(descriptor, TCSADRAIN, hidden) == 0 ? before : null;
    }

    /// <summary>What was typed and not read is thrown away: the shell would read it, and show it.</summary>
    public static void RestoreInput(int descriptor, byte[] settings) => SetTerminalSettings(descriptor, TCSAFLUSH, settings);

    /// <summary>Waits for standard input, and returns how much was read: 0 at its end, and when it cannot be read.</summary>
    public static int ReadInput(Span<byte> buffer)
    {
        while (true)
        {
            var read = Read(StandardInput, buffer, buffer.Length);
            if (read >= 0) return (int)read;
            if (Marshal.GetLastPInvokeError() != EINTR) return 0;
        }
    }

    /// <summary>Stops the process as Ctrl-Z does, and returns when it goes on. The signal is the calling thread's, so that nothing behind this runs before.</summary>
    public static void Stop() => _ = Raise(SIGTSTP);

    [LibraryImport("libc", EntryPoint = "raise")]
    private static partial int Raise(int signal);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    public static partial nint Write(int descriptor, ReadOnlySpan<byte> bytes, nint count);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int descriptor, Span<byte> bytes, nint count);

    [LibraryImport("libc", EntryPoint = "tcgetattr", SetLastError = true)]
    private static partial int GetTerminalSettings(int descriptor, Span<byte> settings);

    [LibraryImport("libc", EntryPoint = "tcsetattr", SetLastError = true)]
    private static partial int SetTerminalSettings(int descriptor, int when, ReadOnlySpan<byte> settings);

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
