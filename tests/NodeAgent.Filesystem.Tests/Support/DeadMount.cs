using System.Runtime.InteropServices;

namespace NodeAgent.Filesystem.Tests.Support;

/// <summary>
/// A mount whose file server is gone, as a network or user-space file system leaves it: its name is in the directory, and every look at
/// it fails, for root too. Tests that want one are skipped by name where it cannot be mounted.
/// </summary>
internal sealed partial class DeadMount : IDisposable
{
    private const int ReadWriteCloseOnExec = 0x80002;
    private const int Detach = 2;
    private readonly string _path;

    private DeadMount(string path) => _path = path;

    /// <summary>Mounts it at a new directory, or skips the test.</summary>
    public static DeadMount AtOrSkip(string path)
    {
        var server = Open("/dev/fuse", ReadWriteCloseOnExec);
        Assert.SkipUnless(server >= 0, "no file system can be mounted here: that takes root and /dev/fuse");
        Directory.CreateDirectory(path);
        var mounted = Mount("dead", path, "fuse", 0, $"fd={server},rootmode=40000,user_id=0,group_id=0") == 0;
        _ = Close(server);
        Assert.SkipUnless(mounted, "no file system can be mounted here: that takes root and /dev/fuse");
        return new DeadMount(path);
    }

    public void Dispose() => _ = Unmount(_path, Detach);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "mount", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Mount(string source, string target, string type, nuint flags, string data);

    [LibraryImport("libc", EntryPoint = "umount2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unmount(string target, int flags);
}
