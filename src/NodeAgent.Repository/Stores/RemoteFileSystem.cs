using System.Runtime.InteropServices;
using NodeAgent.Repository.Interop;

namespace NodeAgent.Repository.Stores;

/// <summary>File systems whose files are another machine's, or another program's.</summary>
public static class RemoteFileSystem
{
    // NFS, CIFS, SMB, FUSE, 9p, Ceph (linux/magic.h and the file systems' own sources).
    private static readonly long[] Kinds = [0x6969, 0xFF534D42, 0xFE534D42, 0x65735546, 0x01021997, 0x00C36400];

    /// <summary>Whether an open file is on one: past the page cache each piece of it would be a request of its own, which is waited for, in place of all of them at once.</summary>
    /// <param name="file">Its descriptor.</param>
    public static bool Holds(SafeHandle file) => Kinds.Contains(LibC.FileSystemKind(file) & 0xFFFFFFFF);
}
