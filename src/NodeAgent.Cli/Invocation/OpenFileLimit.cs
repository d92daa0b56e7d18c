using System.Runtime.InteropServices;

namespace NodeAgent.Cli.Invocation;

/// <summary>
/// How many files this process may have open. A shell's soft limit is 1,024 for the sake of programs that use select; a backup has a directory open for each level it is below, and hundreds
/// that it looks at ahead. The runtime raises it by itself; a program of native code does not.
/// </summary>
internal static partial class OpenFileLimit
{
    // RLIMIT_NOFILE of the processors that .NET runs on.
    private const int NumberOfFiles = 7;

    /// <summary>Raises the soft limit to the hard one. Where that is refused the limit stays as it is, and whoever meets it says so.</summary>
    public static void Raise()
    {
        if (GetLimit(NumberOfFiles, out var limit) != 0 || limit.Soft >= limit.Hard) return;
        limit.Soft = limit.Hard;
        _ = SetLimit(NumberOfFiles, in limit);
    }

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, out Limit limit);

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int SetLimit(int resource, in Limit limit);

    [StructLayout(LayoutKind.Sequential)]
    private struct Limit
    {
        public nuint Soft;
        public nuint Hard;
    }
}
