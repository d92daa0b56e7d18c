using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Interop;

/// <summary>The calls on files that capture and restore make: relative to a handle, never through a symbolic link.</summary>
[SkipLocalsInit]
internal static unsafe partial class Files
{
    /// <summary>openat2, the same number on every architecture.</summary>
    internal const nint OpenAt2Number = 437;
    internal const ulong ResolveNoMagicLinks = 0x02, ResolveNoSymlinks = 0x04, ResolveBeneath = 0x08;

    /// <summary>STATX_BASIC_STATS, STATX_BTIME and STATX_MNT_ID.</summary>
    internal const uint StatMask = 0x7ff | 0x800 | 0x1000;

    /// <summary>STATX_ATTR_MOUNT_ROOT</summary>
    internal const ulong AttributeMountRoot = 0x2000;
    internal const int StatLength = 256;
    internal const int SeekData = 3, SeekHole = 4;
    internal const nuint GetFlags = 0x80086601, SetFlags = 0x40086602;
    internal const int AdviseSequential = 2, AdviseWillNeed = 3, AdviseDontNeed = 4;

    internal const nuint RenameNoReplace = 1;

    internal static readonly nint GetDentsNumber = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 61 : 217;
    internal static readonly nint RenameAt2Number = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 276 : 316;

    /// <summary>Bytes that a listed name takes besides its own: the array's fields, its place in the list and in what the list leaves behind when it grows.</summary>
    internal const int NameOverhead = 24 + 24;

    /// <summary>A name and the zero after it.</summary>
    private const int NameRoom = 256;
    private static bool _openAt2Missing;

    /// <summary>Opens a directory by a path of the configuration; its last component may be a link.</summary>
    public static DirectoryHandle OpenRoot(string path)
    {
        fixed (byte* p = Terminated(Encoding.UTF8.GetBytes(path)))
        {
            var descriptor = LibC.OpenAt(LibC.CurrentDirectory, p, OpenFlags.Directory | OpenFlags.CloseOnExec, 0);
            return descriptor >= 0 ? new DirectoryHandle(descriptor) : throw new FileSystemException("open", Marshal.GetLastPInvokeError(), path);
        }
    }

    /// <summary>
    /// Opens a directory by its path below another, where only the path of that one is trusted: no link is followed from there on, and nothing outside it
    /// is ever opened.
    /// </summary>
    /// <param name="path">The path of the directory; absolute.</param>
    /// <param name="below">The path of the trusted one; null trusts all of <paramref name="path"/>.</param>
    public static DirectoryHandle OpenRoot(string path, string? below)
    {
        if (below is null) return OpenRoot(path);
        var above = Path.TrimEndingDirectorySeparator(below) + "/";
        if (!path.StartsWith(above, StringComparison.Ordinal)) throw new FileSystemException($"open below {below}", Errno.CrossDevice, path);
        var at = OpenRoot(below);
        foreach (var name in path[above.Length..].Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            var error = Errno.Invalid;
            var next = name is "." or ".." ? null : TryOpen(at, Encoding.UTF8.GetBytes(name), OpenFlags.Directory, 0, out error);
            at.Dispose();
            // With these flags a link is "not a directory", which leaves people searching.
            at = next ?? throw new FileSystemException(error is Errno.NotDirectory or Errno.TooManyLinks ? $"open {name}, which must be a directory and no link" : $"open {name}", error, path);
        }

        return at;
    }

    /// <summary>Opens one component below a directory. Returns null with the errno when that fails.</summary>
    public static DirectoryHandle? TryOpen(DirectoryHandle directory, ReadOnlySpan<byte> name, int flags, uint mode, out int error)
    {
        CacheHeadroom.Count();
        flags |= OpenFlags.CloseOnExec | OpenFlags.NoFollow;
        var room = stackalloc byte[NameRoom];
        fixed (byte* p = Terminated(name, new Span<byte>(room, NameRoom)))
        {
            if (!_openAt2Missing)
            {
                // struct open_how: flags, mode, resolve
                var how = stackalloc ulong[3];
                how[0] = (ulong)(uint)flags;
                how[1] = (flags & OpenFlags.Create) != 0 ? mode : 0;
                how[2] = ResolveBeneath | ResolveNoSymlinks | ResolveNoMagicLinks;
                var opened = (int)LibC.SystemCall(OpenAt2Number, directory.Descriptor, p, how, 24);
                error = opened < 0 ? Marshal.GetLastPInvokeError() : 0;
                if (opened >= 0) return new DirectoryHandle(opened);
                // Old kernels have no openat2, some sandboxes forbid it (EPERM). One component with O_NOFOLLOW is as safe.
                if (error != Errno.NotImplemented && error != Errno.NotPermitted) return null;
                if (error == Errno.NotImplemented) _openAt2Missing = true;
            }

            var descriptor = LibC.OpenAt(directory.Descriptor, p, flags, mode);
            error = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
            return descriptor < 0 ? null : new DirectoryHandle(descriptor);
        }
    }

    /// <summary>Opens one component below a directory.</summary>
    public static DirectoryHandle Open(DirectoryHandle directory, ReadOnlySpan<byte> name, int flags, uint mode = 0) =>
        TryOpen(directory, name, flags, mode, out var error) ?? throw new FileSystemException("open", error);

    /// <summary>Opens a file to read without touching its access time where that is allowed. Never waits.</summary>
    /// <exception cref="FileSystemException">With <see cref="Errno.WouldBlock"/>: another program has a lease on it, which was asked back by this.</exception>
    public static DirectoryHandle OpenToRead(DirectoryHandle directory, ReadOnlySpan<byte> name)
    {
        // O_NONBLOCK: a fifo that took the file's place must not hold us, nor whoever has a lease on it.
        const int flags = OpenFlags.ReadOnly | OpenFlags.NonBlocking;
        var file = TryOpen(directory, name, flags | OpenFlags.NoAccessTime, 0, out var error);
        if (file is null && error == Errno.NotPermitted) file = TryOpen(directory, name, flags, 0, out error);
        return file ?? throw new FileSystemException("open", error);
    }

    /// <summary>Status of a component (not followed), or of the handle itself when the name is empty.</summary>
    /// <param name="cached">Content with what the kernel has: a look at a mount whose server does not answer then does not wait for it.</param>
    public static FileStatus Status(DirectoryHandle directory, ReadOnlySpan<byte> name, bool cached = false)
    {
        CacheHeadroom.Count();
        var buffer = stackalloc byte[StatLength];
        var room = stackalloc byte[NameRoom];
        fixed (byte* p = Terminated(name, new Span<byte>(room, NameRoom)))
        {
            var flags = LibC.NoFollowLinks | (name.IsEmpty ? LibC.EmptyPath : 0) | (cached ? LibC.DoNotSync : 0);
            if (LibC.Statx(directory.Descriptor, p, flags, StatMask, buffer) != 0) throw Failed("statx");
        }

        return StatusOf(new ReadOnlySpan<byte>(buffer, StatLength));
    }

    /// <summary>
    /// What a struct statx says. What no file can have is brought into range: the kernel passes on what is on a damaged disk, or what somebody's own file system makes up.
    /// </summary>
    internal static FileStatus StatusOf(ReadOnlySpan<byte> s)
    {
        var mask = BinaryPrimitives.ReadUInt32LittleEndian(s);
        string? outOfRange = null;
        var size = BinaryPrimitives.ReadInt64LittleEndian(s[40..]);
        if (size < 0)
        {
            outOfRange = $"the size {(ulong)size} is out of range, 0 is taken instead";
            size = 0;
        }

        var modified = Time(s[112..], ref outOfRange);
        var changed = Time(s[96..], ref outOfRange);
        FileTimestamp? birth = (mask & 0x800) != 0 ? Time(s[80..], ref outOfRange) : null;
        return new FileStatus(
            Mode: BinaryPrimitives.ReadUInt16LittleEndian(s[28..]),
            Links: BinaryPrimitives.ReadUInt32LittleEndian(s[16..]),
            UserId: BinaryPrimitives.ReadUInt32LittleEndian(s[20..]),
            GroupId: BinaryPrimitives.ReadUInt32LittleEndian(s[24..]),
            Inode: BinaryPrimitives.ReadUInt64LittleEndian(s[32..]),
            Device: ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(s[136..]) << 32) | BinaryPrimitives.ReadUInt32LittleEndian(s[140..]),
            MountId: MountOf(s),
            Size: size,
            Blocks: BinaryPrimitives.ReadInt64LittleEndian(s[48..]),
            Modified: modified,
            Changed: changed,
            Birth: birth,
            RdevMajor: BinaryPrimitives.ReadUInt32LittleEndian(s[128..]),
            RdevMinor: BinaryPrimitives.ReadUInt32LittleEndian(s[132..]))
        {
            IsMountRoot = (BinaryPrimitives.ReadUInt64LittleEndian(s[56..]) & AttributeMountRoot) == 0 ? null : (BinaryPrimitives.ReadUInt64LittleEndian(s[8..]) & AttributeMountRoot) != 0,
            OutOfRange = outOfRange,
        };
    }

    /// <summary>Which mount a component is on, asked so that the file system there has nothing to say to it; null when it is not there at all.</summary>
    public static ulong? MountOf(DirectoryHandle directory, ReadOnlySpan<byte> name)
    {
        var buffer = stackalloc byte[StatLength];
        fixed (byte* p = Terminated(name))
        {
            // A file system of somebody's own (FUSE without allow_other) refuses every question but the empty one.
            return LibC.Statx(directory.Descriptor, p, LibC.NoFollowLinks | LibC.DoNotSync, 0, buffer) == 0 ? MountOf(new ReadOnlySpan<byte>(buffer, StatLength)) : null;
        }
    }

    /// <summary>Kernels before 5.8 do not know mounts: there the device stands for them, and a directory mounted onto another of its file system is not told apart.</summary>
    private static ulong MountOf(ReadOnlySpan<byte> status) => (BinaryPrimitives.ReadUInt32LittleEndian(status) & 0x1000) != 0
        ? BinaryPrimitives.ReadUInt64LittleEndian(status[144..])
        : ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(status[136..]) << 32) | BinaryPrimitives.ReadUInt32LittleEndian(status[140..]);

    /// <summary>The names of a directory that begin with a prefix, all but "." and ".." when it is empty, each once, in byte order.</summary>
    /// <param name="most">Bytes of memory that they may take: a directory of more is refused rather than that this process ends for want of memory.</param>
    public static List<byte[]> Names(DirectoryHandle directory, ReadOnlySpan<byte> prefix = default, long most = long.MaxValue)
    {
        var taken = 0L;
        const int bufferLength = 256 << 10;
        const int nameOffset = 19;
        var names = new List<byte[]>();
        var buffer = ArrayPool<byte>.Shared.Rent(bufferLength);
        try
        {
            fixed (byte* p = buffer)
            {
                while (true)
                {
                    var length = LibC.SystemCall(GetDentsNumber, directory.Descriptor, p, bufferLength);
                    if (length < 0) throw Failed("getdents");
                    if (length == 0) break;
                    for (nint at = 0; at < length; at += *(ushort*)(p + at + 16))
                    {
                        var name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(p + at + nameOffset);
                        if (!name.StartsWith(prefix) || name.SequenceEqual("."u8) || name.SequenceEqual(".."u8)) continue;
                        if ((taken += name.Length + NameOverhead) > most) throw new FileSystemException("getdents", Errno.NoMemory);
                        names.Add(name.ToArray());
                    }
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        SortOnce(names);
        return names;
    }

    /// <summary>Sorts names; of equal ones a single one stays. A directory that changes while it is listed may give a name twice (NFS, FUSE, XFS).</summary>
    internal static void SortOnce(List<byte[]> names)
    {
        names.Sort((a, b) => a.AsSpan().SequenceCompareTo(b));
        var kept = Math.Min(names.Count, 1);
        for (var i = 1; i < names.Count; i++)
        {
            if (!names[i].AsSpan().SequenceEqual(names[kept - 1])) names[kept++] = names[i];
        }

        names.RemoveRange(kept, names.Count - kept);
    }

    /// <summary>The target of a link, by its name or, when that is empty, of the handle itself. One byte more than <see cref="TreeLimits.MaxLinkTarget"/> is of a longer one.</summary>
    public static byte[] LinkTarget(DirectoryHandle directory, ReadOnlySpan<byte> name)
    {
        const int longest = TreeLimits.MaxLinkTarget + 1;
        var buffer = stackalloc byte[longest];
        fixed (byte* p = Terminated(name))
        {
            var length = LibC.ReadLinkAt(directory.Descriptor, p, buffer, longest);
            return length >= 0 ? new ReadOnlySpan<byte>(buffer, (int)length).ToArray() : throw Failed("readlink");
        }
    }

    /// <summary>The next data extent at or after an offset; null when only a hole follows.</summary>
    public static (long Start, long End)? NextExtent(DirectoryHandle file, long offset, long size)
    {
        var start = LibC.Seek(file.Descriptor, offset, SeekData);
        if (start < 0)
        {
            var error = Marshal.GetLastPInvokeError();
            if (error == Errno.NoDeviceOrAddress) return null;
            if (error == Errno.Invalid) return (offset, size); // a file system without holes
            throw new FileSystemException("lseek", error);
        }

        var end = LibC.Seek(file.Descriptor, start, SeekHole);
        // ENXIO: the file became shorter between the two calls, and ends before what was data.
        if (end < 0) return Marshal.GetLastPInvokeError() is var failure && failure == Errno.NoDeviceOrAddress ? null : throw new FileSystemException("lseek", failure);
        // Some file system's own idea of it: what is not ahead could be asked for again and again.
        if (start < offset || end <= start) return (offset, size);
        return start >= size ? null : (start, Math.Min(end, size));
    }

    /// <summary>Reads at an offset until the buffer is full or the file ends.</summary>
    public static int ReadAt(DirectoryHandle file, Span<byte> buffer, long offset)
    {
        var done = 0;
        fixed (byte* p = buffer)
        {
            while (done < buffer.Length)
            {
                var read = LibC.ReadAt(file.Descriptor, p + done, (nuint)(buffer.Length - done), offset + done);
                if (read < 0) throw Failed("read");
                if (read == 0) break;
                done += (int)read;
            }
        }

        return done;
    }

    /// <summary>Reads from the beginning of a regular file with one call, which gives less than the buffer takes only where the file ends.</summary>
    public static int ReadStart(DirectoryHandle file, Span<byte> buffer)
    {
        fixed (byte* p = buffer)
        {
            var read = LibC.ReadAt(file.Descriptor, p, (nuint)buffer.Length, 0);
            return read >= 0 ? (int)read : throw Failed("read");
        }
    }

    public static void WriteAt(DirectoryHandle file, ReadOnlySpan<byte> content, long offset)
    {
        fixed (byte* p = content)
        {
            for (var done = 0; done < content.Length;)
            {
                var written = LibC.WriteAt(file.Descriptor, p + done, (nuint)(content.Length - done), offset + done);
                if (written < 0) throw Failed("write");
                done += (int)written;
            }
        }
    }

    /// <summary>
    /// Opens an open file once more, for writing past the page cache: memory, offsets and lengths are then multiples of the disk's blocks. Null where the file
    /// system does not do that, or would do it slowly.
    /// </summary>
    public static DirectoryHandle? TryOpenDirect(DirectoryHandle file)
    {
        if (FileSystemKind.IsRemote(file) || FileSystemKind.MayCompress(file)) return null;
        fixed (byte* p = PathOf(file))
        {
            var descriptor = LibC.OpenAt(LibC.CurrentDirectory, p, OpenFlags.WriteOnly | DirectFile.Flag | OpenFlags.CloseOnExec, 0);
            return descriptor < 0 ? null : new DirectoryHandle(descriptor);
        }
    }

    public static void Truncate(DirectoryHandle file, long length)
    {
        if (LibC.Truncate(file.Descriptor, length) != 0) throw Failed("truncate");
    }

    /// <summary>Makes a range of a file read as zeros that take no space; where the file system has no holes, as zeros.</summary>
    public static void MakeHole(DirectoryHandle file, long offset, long length)
    {
        // FALLOC_FL_KEEP_SIZE and FALLOC_FL_PUNCH_HOLE
        if (LibC.Allocate(file.Descriptor, 0x01 | 0x02, offset, length) == 0) return;
        if (Marshal.GetLastPInvokeError() is not (Errno.NotSupported or Errno.NotImplemented)) throw Failed("fallocate");
        var zeros = new byte[64 << 10];
        for (; length > 0; offset += zeros.Length, length -= zeros.Length) WriteAt(file, zeros.AsSpan(0, (int)Math.Min(length, zeros.Length)), offset);
    }

    /// <summary>Lets the disk begin with what was written, so that little is left when the file system is flushed. Waits for nothing and promises nothing.</summary>
    public static void BeginWriteback(DirectoryHandle file, long offset, long length)
    {
        const uint begin = 2; // SYNC_FILE_RANGE_WRITE
        _ = LibC.SynchronizeRange(file.Descriptor, offset, length, begin);
    }

    public static void AdviseSequentialRead(DirectoryHandle file) => _ = LibC.Advise(file.Descriptor, 0, 0, AdviseSequential);

    /// <summary>Has the disk begin with what is to be read next. Waits for room in the disk's queue at most, and costs little for what is in the page cache already.</summary>
    public static void AdviseRead(DirectoryHandle file, long offset, long length)
    {
        // The kernel cuts a request to what the device takes at once, or to its usual read-ahead: this much at least, and the rest is dropped.
        const long step = 128 << 10;
        for (var end = offset + length; offset < end; offset += step) _ = LibC.Advise(file.Descriptor, offset, Math.Min(step, end - offset), AdviseWillNeed);
    }

    /// <summary>What was read need not stay in the page cache: in a container it counts against the memory limit.</summary>
    public static void AdviseNotNeeded(DirectoryHandle file) => _ = LibC.Advise(file.Descriptor, 0, 0, AdviseDontNeed);

    public static void SynchronizeFileSystem(DirectoryHandle directory)
    {
        if (LibC.SynchronizeFileSystem(directory.Descriptor) != 0) throw Failed("syncfs");
    }

    /// <summary>Who what is made here belongs to.</summary>
    public static uint User { get; } = LibC.EffectiveUser();

    public static uint Group { get; } = LibC.EffectiveGroup();

    public static bool IsRoot => User == 0;

    /// <summary>What is open, as a path that leads to it and to nothing else.</summary>
    private static byte[] PathOf(DirectoryHandle file) => [.. Encoding.ASCII.GetBytes($"/proc/self/fd/{file.Descriptor}"), 0];

    private static byte[] Terminated(ReadOnlySpan<byte> path) => [.. path, 0];

    /// <summary>The same without an array for what fits the room, as names do.</summary>
    private static Span<byte> Terminated(ReadOnlySpan<byte> path, Span<byte> room)
    {
        if (path.Length >= room.Length) return Terminated(path);
        path.CopyTo(room);
        room[path.Length] = 0;
        return room;
    }

    private static FileTimestamp Time(ReadOnlySpan<byte> time, ref string? outOfRange)
    {
        const uint last = 999_999_999;
        var nanoseconds = BinaryPrimitives.ReadUInt32LittleEndian(time[8..]);
        if (nanoseconds > last)
        {
            // ext4 has 30 bits for them, of which a damaged inode may use all.
            outOfRange ??= $"a time has {nanoseconds} nanoseconds, {last} are taken instead";
            nanoseconds = last;
        }

        return new FileTimestamp(BinaryPrimitives.ReadInt64LittleEndian(time), nanoseconds);
    }

    private static FileSystemException Failed(string operation) => new(operation, Marshal.GetLastPInvokeError());
}
