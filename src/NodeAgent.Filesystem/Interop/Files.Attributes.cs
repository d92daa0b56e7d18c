using System.Buffers;
using System.Runtime.InteropServices;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Interop;

/// <content>Extended attributes and the flags of inodes.</content>
internal static unsafe partial class Files
{
    /// <summary>Extended attributes by an open descriptor, sorted by name, each name once.</summary>
    /// <param name="file">What is asked.</param>
    /// <param name="failures">Takes what went wrong with single attributes, which are left out; without it the first of them is thrown.</param>
    /// <exception cref="FileSystemException">Not even their names could be read.</exception>
    public static List<ExtendedAttribute> Attributes(DirectoryHandle file, List<FileSystemException>? failures = null)
    {
        // In a method of its own, so that most files make no object for it.
        return HasNone(LibC.ListAttributes(file.Descriptor, null, 0)) ? [] : Read(file, failures);

        static List<ExtendedAttribute> Read(DirectoryHandle file, List<FileSystemException>? failures) => ReadAttributes(
            (list, size) => LibC.ListAttributes(file.Descriptor, (byte*)list, size), (name, value, size) => LibC.GetAttribute(file.Descriptor, (byte*)name, (byte*)value, size), failures);
    }

    /// <summary>The same for a handle that only names a file (O_PATH): a link, a device, a fifo.</summary>
    public static List<ExtendedAttribute> AttributesOfNamed(DirectoryHandle file, List<FileSystemException>? failures = null)
    {
        fixed (byte* p = PathOf(file))
        {
            if (HasNone(LibC.ListAttributesOfOpen(p, null, 0))) return [];
            var path = (nint)p;
            return ReadAttributes(
                (list, size) => LibC.ListAttributesOfOpen((byte*)path, (byte*)list, size), (name, value, size) => LibC.GetAttributeOfOpen((byte*)path, (byte*)name, (byte*)value, size), failures);
        }
    }

    public static void SetAttribute(DirectoryHandle file, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        fixed (byte* n = Terminated(name), v = value)
        {
            if (LibC.SetAttribute(file.Descriptor, n, v, (nuint)value.Length, 0) != 0) throw Failed("setxattr");
        }
    }

    /// <summary>For a handle that only names a file (O_PATH): a link, a device, a fifo.</summary>
    public static void SetAttributeOfNamed(DirectoryHandle file, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        fixed (byte* p = PathOf(file), n = Terminated(name), v = value)
        {
            if (LibC.SetAttributeOfPath(p, n, v, (nuint)value.Length, 0) != 0) throw Failed("setxattr");
        }
    }

    public static bool HasAttribute(DirectoryHandle file, ReadOnlySpan<byte> name)
    {
        fixed (byte* n = Terminated(name)) return LibC.GetAttribute(file.Descriptor, n, null, 0) >= 0;
    }

    /// <summary>Removes an attribute; it is no failure when the file or the file system has none.</summary>
    public static void RemoveAttribute(DirectoryHandle file, ReadOnlySpan<byte> name)
    {
        fixed (byte* n = Terminated(name))
        {
            if (LibC.RemoveAttribute(file.Descriptor, n) != 0 && Marshal.GetLastPInvokeError() is not (Errno.NoData or Errno.NotSupported)) throw Failed("removexattr");
        }
    }

    /// <summary>The inode's flags (chattr); null where the file system has none, which each says in its own way.</summary>
    /// <exception cref="FileSystemException">It has them perhaps, and could not be asked.</exception>
    public static uint? InodeFlags(DirectoryHandle file)
    {
        uint flags = 0;
        if (LibC.Control(file.Descriptor, GetFlags, &flags) == 0) return flags;
        return Marshal.GetLastPInvokeError() is Errno.InputOutput or Errno.Stale ? throw Failed("get flags") : null;
    }

    public static void SetInodeFlags(DirectoryHandle file, uint flags)
    {
        if (LibC.Control(file.Descriptor, SetFlags, &flags) != 0) throw Failed("set flags");
    }

    /// <summary>Most files have no attributes, and a call without a buffer says so.</summary>
    private static bool HasNone(nint length)
    {
        if (length >= 0) return length == 0;
        return Marshal.GetLastPInvokeError() == Errno.NotSupported ? true : throw Failed("listxattr");
    }

    internal static List<ExtendedAttribute> ReadAttributes(Func<nint, nuint, nint> list, Func<nint, nint, nuint, nint> get, List<FileSystemException>? failures)
    {
        const int most = 64 << 10; // XATTR_LIST_MAX and XATTR_SIZE_MAX
        var result = new List<ExtendedAttribute>();
        var names = ArrayPool<byte>.Shared.Rent(most + 1);
        var value = ArrayPool<byte>.Shared.Rent(most);
        try
        {
            fixed (byte* n = names, v = value)
            {
                var length = list((nint)n, most);
                if (length < 0) throw Failed("listxattr");
                n[length] = 0; // whatever the file system forgot
                for (nint at = 0; at < length;)
                {
                    var name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(n + at);
                    var size = name.IsEmpty ? -1 : get((nint)(n + at), (nint)v, most);
                    if (size >= 0) result.Add(new ExtendedAttribute(name.ToArray(), new ReadOnlySpan<byte>(v, (int)size).ToArray()));
                    // ENODATA: removed meanwhile
                    else if ((name.IsEmpty ? Errno.Invalid : Marshal.GetLastPInvokeError()) is var error && error != Errno.NoData)
                    {
                        var failure = new FileSystemException($"getxattr {FileName.ToText(name)}", error);
                        if (failures is null) throw failure;
                        failures.Add(failure);
                    }

                    at += name.Length + 1;
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(names);
            ArrayPool<byte>.Shared.Return(value);
        }

        result.Sort((a, b) => a.Name.Span.SequenceCompareTo(b.Name.Span));
        for (var i = result.Count - 1; i > 0; i--)
        {
            if (result[i].Name.Span.SequenceEqual(result[i - 1].Name.Span)) result.RemoveAt(i);
        }

        return result;
    }
}
