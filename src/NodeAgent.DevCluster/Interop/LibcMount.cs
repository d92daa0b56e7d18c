using System.Runtime.InteropServices;

namespace NodeAgent.DevCluster.Interop;

/// <summary>mount(2) and umount2(2). Each returns 0 or the errno.</summary>
internal static partial class LibcMount
{
    private const ulong Bind = 4096;

    // Detached, a mount is out of the way at once even while a reader has a file open below it; a symlink is not followed.
    private const int Detach = 2;
    private const int NoFollow = 8;

    public static int BindMount(string source, string target) => Mount(source, target, null, Bind, 0) == 0 ? 0 : Marshal.GetLastPInvokeError();

    public static int Unmount(string target) => UnmountFlags(target, Detach | NoFollow) == 0 ? 0 : Marshal.GetLastPInvokeError();

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Mount(string source, string target, string? type, ulong flags, nint data);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnmountFlags(string target, int flags);
}
