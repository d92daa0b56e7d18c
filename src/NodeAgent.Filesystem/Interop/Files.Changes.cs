using System.Runtime.InteropServices;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Interop;

/// <content>What makes, names, changes and removes.</content>
internal static unsafe partial class Files
{
    public static void MakeDirectory(DirectoryHandle directory, ReadOnlySpan<byte> name, uint mode)
    {
        var room = stackalloc byte[NameRoom];
        fixed (byte* p = Terminated(name, new Span<byte>(room, NameRoom)))
        {
            if (LibC.MakeDirectoryAt(directory.Descriptor, p, mode) != 0) throw Failed("mkdir");
        }
    }

    public static void MakeNode(DirectoryHandle directory, ReadOnlySpan<byte> name, uint mode, uint major, uint minor)
    {
        var room = stackalloc byte[NameRoom];
        fixed (byte* p = Terminated(name, new Span<byte>(room, NameRoom)))
        {
            if (LibC.MakeNodeAt(directory.Descriptor, p, mode, DeviceNumber(major, minor)) != 0) throw Failed("mknod");
        }
    }

    /// <summary>The packing of glibc's makedev.</summary>
    internal static ulong DeviceNumber(uint major, uint minor) =>
        ((ulong)(major & 0xfffff000) << 32) | ((ulong)(major & 0xfff) << 8) | ((ulong)(minor & 0xffffff00) << 12) | (minor & 0xff);

    public static void MakeSymlink(ReadOnlySpan<byte> target, DirectoryHandle directory, ReadOnlySpan<byte> name)
    {
        fixed (byte* t = Terminated(target), p = Terminated(name))
        {
            if (LibC.SymlinkAt(t, directory.Descriptor, p) != 0) throw Failed("symlink");
        }
    }

    /// <summary>Another name for the file that a descriptor has open.</summary>
    public static void Link(DirectoryHandle file, DirectoryHandle directory, ReadOnlySpan<byte> name)
    {
        fixed (byte* from = PathOf(file), p = Terminated(name))
        {
            if (LibC.LinkAt(LibC.CurrentDirectory, from, directory.Descriptor, p, LibC.FollowLinks) != 0) throw Failed("link");
        }
    }

    public static void Remove(DirectoryHandle directory, ReadOnlySpan<byte> name, bool isDirectory = false)
    {
        var room = stackalloc byte[NameRoom];
        fixed (byte* p = Terminated(name, new Span<byte>(room, NameRoom)))
        {
            if (LibC.UnlinkAt(directory.Descriptor, p, isDirectory ? LibC.RemoveDirectory : 0) != 0) throw Failed(isDirectory ? "rmdir" : "unlink");
        }
    }

    public static void Rename(DirectoryHandle directory, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to)
    {
        byte* fromRoom = stackalloc byte[NameRoom], toRoom = stackalloc byte[NameRoom];
        fixed (byte* f = Terminated(from, new Span<byte>(fromRoom, NameRoom)), t = Terminated(to, new Span<byte>(toRoom, NameRoom)))
        {
            if (LibC.RenameAt(directory.Descriptor, f, directory.Descriptor, t) != 0) throw Failed("rename");
        }
    }

    /// <summary>Renames unless the new name is taken; false when it is.</summary>
    public static bool TryRenameNew(DirectoryHandle directory, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to)
    {
        byte* fromRoom = stackalloc byte[NameRoom], toRoom = stackalloc byte[NameRoom];
        fixed (byte* f = Terminated(from, new Span<byte>(fromRoom, NameRoom)), t = Terminated(to, new Span<byte>(toRoom, NameRoom)))
        {
            if (LibC.SystemCall(RenameAt2Number, directory.Descriptor, f, directory.Descriptor, t, RenameNoReplace) == 0) return true;
            switch (Marshal.GetLastPInvokeError())
            {
                case Errno.Exists:
                    return false;
                case Errno.Invalid or Errno.NotImplemented:
                    // A kernel or file system without it: a link is made only where nothing is, and works on all of these.
                    if (LibC.LinkAt(directory.Descriptor, f, directory.Descriptor, t, 0) == 0)
                    {
                        Remove(directory, from);
                        return true;
                    }

                    return Marshal.GetLastPInvokeError() == Errno.Exists ? false : throw Failed("link");
                default:
                    throw Failed("rename");
            }
        }
    }

    /// <summary>Owner of a component, or of the handle itself when the name is empty; returns the errno, 0 for success.</summary>
    public static int TryChangeOwner(DirectoryHandle directory, ReadOnlySpan<byte> name, uint user, uint group)
    {
        var room = stackalloc byte[NameRoom];
        fixed (byte* p = Terminated(name, new Span<byte>(room, NameRoom)))
        {
            return LibC.ChangeOwnerAt(directory.Descriptor, p, user, group, LibC.NoFollowLinks | (name.IsEmpty ? LibC.EmptyPath : 0)) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }
    }

    public static void ChangeMode(DirectoryHandle file, uint mode)
    {
        if (LibC.ChangeMode(file.Descriptor, mode) != 0) throw Failed("chmod");
    }

    /// <summary>Mode of what a handle only names (O_PATH): a device or a fifo, never a link.</summary>
    public static void ChangeModeOfNamed(DirectoryHandle file, uint mode)
    {
        fixed (byte* p = PathOf(file))
        {
            if (LibC.ChangeModeAt(LibC.CurrentDirectory, p, mode, 0) != 0) throw Failed("chmod");
        }
    }

    /// <summary>Modification time of what is open.</summary>
    public static void SetTime(DirectoryHandle file, FileTimestamp modified)
    {
        var times = stackalloc long[4];
        Times(modified, times);
        if (LibC.SetTimes(file.Descriptor, times) != 0) throw Failed("utimensat");
    }

    /// <summary>Modification time of what a handle only names (O_PATH), a link itself among them.</summary>
    public static void SetTimeOfNamed(DirectoryHandle file, FileTimestamp modified)
    {
        var times = stackalloc long[4];
        Times(modified, times);
        fixed (byte* p = PathOf(file))
        {
            if (LibC.SetTimesAt(LibC.CurrentDirectory, p, times, 0) != 0) throw Failed("utimensat");
        }
    }

    /// <summary>The access time is set alike: it is not kept, and "now" would tell nothing.</summary>
    private static void Times(FileTimestamp modified, long* times)
    {
        times[0] = times[2] = modified.Seconds;
        times[1] = times[3] = modified.Nanoseconds;
    }
}
