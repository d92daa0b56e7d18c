using System.Runtime.InteropServices;
using NodeAgent.Repository.Interop;

namespace NodeAgent.Repository.Stores;

/// <summary>What to know of a file system before its page cache is passed by.</summary>
public static class FileSystemKind
{
    // NFS, CIFS, SMB, FUSE, 9p, Ceph (linux/magic.h and the file systems' own sources).
    private static readonly long[] Remote = [0x6969, 0xFF534D42, 0xFE534D42, 0x65735546, 0x01021997, 0x00C36400];

    private const long Btrfs = 0x9123683E;

    /// <summary>Whether an open file is on a file system that compresses what comes through the page cache, and nothing else.</summary>
    /// <param name="file">Its descriptor.</param>
    public static bool MayCompress(SafeHandle file) => (LibC.FileSystemKind(file) & 0xFFFFFFFF) == Btrfs;

    /// <summary>Whether an open file is another machine's, or another program's: past the page cache each piece of it would be a request that is waited for, in place of all at once.</summary>
    /// <param name="file">Its descriptor.</param>
    public static bool IsRemote(SafeHandle file) => Remote.Contains(LibC.FileSystemKind(file) & 0xFFFFFFFF);
}
