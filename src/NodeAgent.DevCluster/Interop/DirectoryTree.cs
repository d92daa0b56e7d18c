using System.Runtime.InteropServices;
using System.Text;

namespace NodeAgent.DevCluster.Interop;

/// <summary>
/// Changes to the directories of volumes, whose names may be any bytes: the file API of .NET reads names as UTF-8 and cannot
/// remove what it cannot name.
/// </summary>
internal static unsafe partial class DirectoryTree
{
    private const int NoEntry = 2;
    private const int IsDirectory = 21;
    private const int NameOffset = 19;
    private const int ModifiedTimeOnly = 0x3ffffffe; // UTIME_OMIT, for the access time

    /// <summary>Removes a directory with everything in it; links are removed, not followed. Does nothing when there is none.</summary>
    /// <exception cref="IOException">Something could not be removed.</exception>
    public static void Remove(string path)
    {
        if (!Directory.Exists(path)) return;
        var open = new Stack<byte[]>();
        var empty = new Stack<byte[]>();
        open.Push(Encoding.UTF8.GetBytes(path));
        while (open.TryPop(out var directory))
        {
            empty.Push(directory);
            foreach (var name in Names(directory))
            {
                byte[] child = [.. directory, (byte)'/', .. name];
                fixed (byte* p = Terminated(child))
                {
                    if (Unlink(p) == 0) continue;
                }

                if (Marshal.GetLastPInvokeError() is not IsDirectory and not NoEntry and var error) throw Failed("unlink", child, error);
                if (Marshal.GetLastPInvokeError() == IsDirectory) open.Push(child);
            }
        }

        // Parents were found before their children.
        while (empty.TryPop(out var directory))
        {
            fixed (byte* p = Terminated(directory))
            {
                if (RemoveEmpty(p) != 0 && Marshal.GetLastPInvokeError() is not NoEntry and var error) throw Failed("rmdir", directory, error);
            }
        }
    }

    /// <summary>Does something to a directory's entries and gives the directory its modification time back, to the nanosecond.</summary>
    public static void KeepTime(string path, Action change)
    {
        // struct stat has another layout on each architecture, statx has one: mtime at 112.
        var stat = stackalloc byte[256];
        fixed (byte* p = Terminated(Encoding.UTF8.GetBytes(path)))
        {
            const int currentDirectory = -100;
            const uint modifiedTime = 0x40;
            if (Statx(currentDirectory, p, 0, modifiedTime, stat) != 0) throw Failed("statx", Encoding.UTF8.GetBytes(path), Marshal.GetLastPInvokeError());
            change();
            var times = stackalloc long[4] { 0, ModifiedTimeOnly, *(long*)(stat + 112), *(uint*)(stat + 120) };
            if (SetTimes(currentDirectory, p, times, 0) != 0) throw Failed("utimensat", Encoding.UTF8.GetBytes(path), Marshal.GetLastPInvokeError());
        }
    }

    private static List<byte[]> Names(byte[] directory)
    {
        var names = new List<byte[]>();
        fixed (byte* p = Terminated(directory))
        {
            var handle = OpenDirectory(p);
            if (handle == 0) throw Failed("opendir", directory, Marshal.GetLastPInvokeError());
            for (var entry = ReadDirectory(handle); entry != null; entry = ReadDirectory(handle))
            {
                var name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(entry + NameOffset);
                if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8)) names.Add(name.ToArray());
            }

            _ = CloseDirectory(handle);
        }

        return names;
    }

    private static byte[] Terminated(byte[] path) => [.. path, 0];

    private static IOException Failed(string call, byte[] path, int error) => new($"{call} {Encoding.UTF8.GetString(path)}: {Marshal.GetPInvokeErrorMessage(error)}");

    [LibraryImport("libc", EntryPoint = "unlink", SetLastError = true)]
    private static partial int Unlink(byte* path);

    [LibraryImport("libc", EntryPoint = "rmdir", SetLastError = true)]
    private static partial int RemoveEmpty(byte* path);

    [LibraryImport("libc", EntryPoint = "opendir", SetLastError = true)]
    private static partial nint OpenDirectory(byte* path);

    [LibraryImport("libc", EntryPoint = "readdir", SetLastError = true)]
    private static partial byte* ReadDirectory(nint directory);

    [LibraryImport("libc", EntryPoint = "closedir")]
    private static partial int CloseDirectory(nint directory);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static partial int Statx(int directory, byte* path, int flags, uint mask, byte* result);

    [LibraryImport("libc", EntryPoint = "utimensat", SetLastError = true)]
    private static partial int SetTimes(int directory, byte* path, long* times, int flags);
}
