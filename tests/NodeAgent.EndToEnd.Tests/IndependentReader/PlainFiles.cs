using System.Runtime.InteropServices;

namespace NodeAgent.EndToEnd.Tests.IndependentReader;

/// <summary>Files by the bytes of their names, which .NET's own calls cannot take.</summary>
internal static class PlainFiles
{
    private const string Libc = "libc";
    private const int WriteCreateNew = 1 | 0x40 | 0x80; // O_WRONLY | O_CREAT | O_EXCL
    private const int CurrentDirectory = -100; // AT_FDCWD
    private const int NoFollow = 0x100; // AT_SYMLINK_NOFOLLOW
    private const long KeepTime = 0x3ffffffe; // UTIME_OMIT

    /// <summary>Writes a new file; runs without bytes stay holes.</summary>
    public static void Write(byte[] path, long size, IEnumerable<(byte[]? Bytes, long Length)> runs)
    {
        var file = Checked(Open([.. path, 0], WriteCreateNew, 0x180), "open");
        try
        {
            long at = 0;
            foreach (var (bytes, length) in runs)
            {
                if (bytes is not null && WriteAt(file, bytes, (nuint)bytes.Length, at) != bytes.Length) throw new IOException("pwrite wrote less");
                at += length;
            }

            Checked(Truncate(file, size), "ftruncate");
        }
        finally
        {
            _ = Close(file);
        }
    }

    public static void MakeDirectory(byte[] path) => Checked(MakeDirectory([.. path, 0], 0x1C0), "mkdir");

    public static void MakeLink(byte[] path, byte[] target) => Checked(MakeSymbolicLink([.. target, 0], [.. path, 0]), "symlink");

    public static void MakeHardLink(byte[] path, byte[] existing) => Checked(MakeLinkCall([.. existing, 0], [.. path, 0]), "link");

    public static void MakePipe(byte[] path) => Checked(MakeFifo([.. path, 0], 0x180), "mkfifo");

    public static void SetMode(byte[] path, uint mode) => Checked(ChangeMode([.. path, 0], mode), "chmod");

    /// <summary>False where the file system has no such attributes.</summary>
    public static bool TrySetAttribute(byte[] path, byte[] name, byte[] value) => SetAttribute([.. path, 0], [.. name, 0], value, (nuint)value.Length, 0) == 0;

    public static void SetModified(byte[] path, long seconds, long nanoseconds) =>
        Checked(SetTimes(CurrentDirectory, [.. path, 0], [0, KeepTime, seconds, nanoseconds], NoFollow), "utimensat");

    private static int Checked(int result, string call) =>
        result >= 0 ? result : throw new IOException($"{call}: {Marshal.GetLastPInvokeErrorMessage()}");

    [DllImport(Libc, EntryPoint = "open", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Open(byte[] path, int flags, uint mode);

    [DllImport(Libc, EntryPoint = "pwrite64", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint WriteAt(int file, byte[] bytes, nuint length, long offset);

    [DllImport(Libc, EntryPoint = "ftruncate64", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Truncate(int file, long size);

    [DllImport(Libc, EntryPoint = "close", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Close(int file);

    [DllImport(Libc, EntryPoint = "mkdir", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int MakeDirectory(byte[] path, uint mode);

    [DllImport(Libc, EntryPoint = "symlink", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int MakeSymbolicLink(byte[] target, byte[] path);

    [DllImport(Libc, EntryPoint = "link", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int MakeLinkCall(byte[] existing, byte[] path);

    [DllImport(Libc, EntryPoint = "mkfifo", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int MakeFifo(byte[] path, uint mode);

    [DllImport(Libc, EntryPoint = "chmod", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int ChangeMode(byte[] path, uint mode);

    [DllImport(Libc, EntryPoint = "setxattr", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetAttribute(byte[] path, byte[] name, byte[] value, nuint length, int flags);

    [DllImport(Libc, EntryPoint = "utimensat", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetTimes(int directory, byte[] path, long[] times, int flags);
}
