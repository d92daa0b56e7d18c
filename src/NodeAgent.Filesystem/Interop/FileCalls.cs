using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NodeAgent.Filesystem.Interop;

/// <summary>System calls on names relative to directory handles, with errors as <see cref="FileSystemException"/>.</summary>
internal static unsafe class FileCalls
{
    private const int AtFdCwd = -100;
    private const int SymlinkNoFollow = 0x100;
    private const int EmptyPath = 0x1000;
    private const uint StatusMask = 0xFFF;

    private static readonly bool Arm64 = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    /// <summary>The name with the NUL that the kernel wants.</summary>
    internal static byte[] Terminate(ReadOnlySpan<byte> name)
    {
        var bytes = new byte[name.Length + 1];
        name.CopyTo(bytes);
        return bytes;
    }

    /// <summary>Opens a name below a directory (null: below the current one) without following a link in its last part.</summary>
    internal static nint Open(DirectoryHandle? directory, ReadOnlySpan<byte> name, int flags, uint mode = 0)
    {
        fixed (byte* path = Terminate(name))
        {
            var descriptor = LibC.OpenAt(directory?.Descriptor ?? AtFdCwd, path, flags | OpenFlags.CloseOnExec, mode);
            if (descriptor < 0)
                throw Failure("open", name);
            GC.KeepAlive(directory);
            return descriptor;
        }
    }

    internal static DirectoryHandle OpenDirectory(DirectoryHandle? directory, ReadOnlySpan<byte> name, bool follow = false) =>
        new(Open(directory, name, OpenFlags.Directory | (follow ? 0 : OpenFlags.NoFollow)));

    /// <summary>Opens for reading; never blocks on a fifo that took the file's place.</summary>
    internal static SafeFileHandle OpenFile(DirectoryHandle? directory, ReadOnlySpan<byte> name) =>
        new(Open(directory, name, OpenFlags.NoFollow | OpenFlags.NonBlocking), ownsHandle: true);

    internal static FileStatus Status(DirectoryHandle? directory, ReadOnlySpan<byte> name)
    {
        fixed (byte* path = Terminate(name))
            return Status(directory?.Descriptor ?? AtFdCwd, path, SymlinkNoFollow, name);
    }

    internal static FileStatus Status(SafeHandle file, ReadOnlySpan<byte> name)
    {
        byte empty = 0;
        var status = Status((int)file.DangerousGetHandle(), &empty, EmptyPath, name);
        GC.KeepAlive(file);
        return status;
    }

    /// <summary>All names in a directory but "." and "..", in byte order.</summary>
    internal static List<byte[]> ReadNames(DirectoryHandle directory, ReadOnlySpan<byte> name)
    {
        var names = new List<byte[]>();
        var buffer = new byte[64 << 10];
        fixed (byte* start = buffer)
        {
            while (true)
            {
                var length = LibC.Syscall(Arm64 ? 61 : 217, directory.Descriptor, (nint)start, buffer.Length, 0, 0);
                if (length < 0)
                    throw Failure("read directory", name);
                if (length == 0)
                    break;
                for (nint at = 0; at < length; at += *(ushort*)(start + at + 16))
                {
                    var entry = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(start + at + 19);
                    if (!entry.SequenceEqual("."u8) && !entry.SequenceEqual(".."u8))
                        names.Add(entry.ToArray());
                }
            }
        }
        names.Sort(static (a, b) => a.AsSpan().SequenceCompareTo(b));
        return names;
    }

    internal static byte[] ReadLink(DirectoryHandle directory, ReadOnlySpan<byte> name)
    {
        var target = new byte[4096];
        fixed (byte* path = Terminate(name), start = target)
        {
            var length = LibC.ReadLinkAt(directory, path, start, target.Length);
            return length < 0 ? throw Failure("read link", name) : target[..(int)length];
        }
    }

    /// <summary>Extended attributes of a name below a directory, links not followed; empty where they are not supported.</summary>
    internal static List<(byte[] Name, byte[] Value)> ReadAttributes(DirectoryHandle directory, ReadOnlySpan<byte> name)
    {
        var result = new List<(byte[], byte[])>();
        var list = new byte[64 << 10];
        var value = new byte[64 << 10];
        fixed (byte* path = AttributePath(directory, name), names = list, data = value)
        {
            var length = LibC.LListXattr(path, names, list.Length);
            if (length < 0)
                return Marshal.GetLastPInvokeError() == Errno.NotSupported ? result : throw Failure("list attributes", name);
            for (nint at = 0; at < length;)
            {
                var attribute = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(names + at).ToArray();
                var size = LibC.LGetXattr(path, names + at, data, value.Length);
                if (size >= 0)
                    result.Add((attribute, value[..(int)size]));
                else if (Marshal.GetLastPInvokeError() is not (Errno.NoData or Errno.NotSupported))
                    throw Failure("read attribute", name);
                at += attribute.Length + 1;
            }
        }
        GC.KeepAlive(directory);
        return result;
    }

    /// <summary>The name's path through /proc/self/fd, which holds whatever happens to the directory's own path.</summary>
    internal static byte[] AttributePath(DirectoryHandle directory, ReadOnlySpan<byte> name) =>
        [.. System.Text.Encoding.ASCII.GetBytes($"/proc/self/fd/{directory.Descriptor}/"), .. name, 0];

    internal static FileSystemException Failure(string operation, ReadOnlySpan<byte> name) =>
        new(operation, new FileName(name.ToArray()), Marshal.GetLastPInvokeError());

    private static FileStatus Status(int directory, byte* path, int flags, ReadOnlySpan<byte> name)
    {
        FileStatus status;
        if (LibC.Syscall(Arm64 ? 291 : 332, directory, (nint)path, flags, (nint)StatusMask, (nint)(&status)) < 0)
            throw Failure("stat", name);
        return status;
    }
}
