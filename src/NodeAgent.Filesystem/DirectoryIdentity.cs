using NodeAgent.Filesystem.Interop;

namespace NodeAgent.Filesystem;

/// <summary>Which directory it is that a path leads to. Where something is mounted or unmounted, another one is there under the same path.</summary>
/// <param name="IsMountPoint">Whether it is where a mount begins; null where the kernel does not say (before 5.8).</param>
public readonly record struct DirectoryIdentity(ulong Device, ulong Inode, bool? IsMountPoint)
{
    /// <summary>Looks at the directory that the path leads to now.</summary>
    /// <exception cref="FileSystemException">There is none, or it cannot be opened.</exception>
    public static DirectoryIdentity Of(string path)
    {
        using var directory = Files.OpenRoot(path);
        return Of(directory);
    }

    internal static DirectoryIdentity Of(DirectoryHandle directory)
    {
        var status = Files.Status(directory, []);
        return new DirectoryIdentity(status.Device, status.Inode, status.IsMountRoot);
    }

    /// <summary>Refuses to go on where another directory than the one that was looked at is open.</summary>
    internal static void Require(DirectoryIdentity? expected, DirectoryHandle opened, string path)
    {
        if (expected is { } wanted && Of(opened) != wanted) throw new IOException($"{path}: another directory has taken its place since it was looked at: the volume was unmounted or removed; see whether its pod still runs");
    }
}
