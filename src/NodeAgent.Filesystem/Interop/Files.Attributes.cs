using System.Buffers;
using System.Runtime.InteropServices;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Interop;

/// <content>Extended attributes and the flags of inodes.</content>
internal static unsafe partial class Files
{
    /// <summary>Extended attributes by an open descriptor, sorted by name.</summary>
    public static List<ExtendedAttribute> Attributes(DirectoryHandle file) => HasNone(LibC.ListAttributes(file.Descriptor, null, 0))
        ? []
        : ReadAttributes((list, size) => LibC.ListAttributes(file.Descriptor, (byte*)list, size), (name, value, size) => LibC.GetAttribute(file.Descriptor, (byte*)name, (byte*)value, size));

    /// <summary>Extended attributes of something that cannot be opened, such as a link or a device.</summary>
    public static List<ExtendedAttribute> Attributes(DirectoryHandle directory, ReadOnlySpan<byte> name)
    {
        // The directory is named by its descriptor, so that nothing above it can be swapped; the l-calls do not follow the last name.
        fixed (byte* p = PathBelow(directory, name))
        {
            if (HasNone(LibC.ListAttributesOfPath(p, null, 0))) return [];
            var path = (nint)p;
            return ReadAttributes((list, size) => LibC.ListAttributesOfPath((byte*)path, (byte*)list, size), (attribute, value, size) => LibC.GetAttributeOfPath((byte*)path, (byte*)attribute, (byte*)value, size));
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

    /// <summary>The inode's flags (chattr); null where the file system has none.</summary>
    public static uint? InodeFlags(DirectoryHandle file)
    {
        uint flags = 0;
        return LibC.Control(file.Descriptor, GetFlags, &flags) == 0 ? flags : null;
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

    private static List<ExtendedAttribute> ReadAttributes(Func<nint, nuint, nint> list, Func<nint, nint, nuint, nint> get)
    {
        const int most = 64 << 10;
        var result = new List<ExtendedAttribute>();
        var names = ArrayPool<byte>.Shared.Rent(most);
        var value = ArrayPool<byte>.Shared.Rent(most);
        try
        {
            fixed (byte* n = names, v = value)
            {
                var length = list((nint)n, most);
                if (length < 0) throw Failed("listxattr");
                for (nint at = 0; at < length;)
                {
                    var name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(n + at);
                    var size = get((nint)(n + at), (nint)v, most);
                    if (size >= 0) result.Add(new ExtendedAttribute(name.ToArray(), new ReadOnlySpan<byte>(v, (int)size).ToArray()));
                    else if (Marshal.GetLastPInvokeError() != Errno.NoData) throw Failed("getxattr"); // ENODATA: removed meanwhile
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
        return result;
    }
}
