using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NodeAgent.Repository.Interop;

/// <summary>The calls of libc that the directory store needs beyond what the framework offers.</summary>
internal static partial class LibC
{
    public const int AtFdCwd = -100;

    /// <summary>O_RDONLY | O_CLOEXEC; the value is the same on x64 and arm64. O_DIRECTORY is not, and is not needed.</summary>
    public const int OpenReadOnly = 0x80000;

    /// <summary>O_RDWR | O_CLOEXEC and O_CREAT, likewise.</summary>
    public const int OpenReadWrite = 0x80002, OpenCreate = 0x40;

    /// <summary>F_OFD_SETLK: a lock that belongs to the open file and not to the process. And F_RDLCK, F_WRLCK.</summary>
    public const int SetLock = 37;
    public const short ReadLock = 0, WriteLock = 1;

    /// <summary>EWOULDBLOCK, EINTR.</summary>
    public const int WouldBlock = 11, Interrupted = 4;

    /// <summary>ENOENT and the like, as the kernel numbers them on every architecture that .NET runs on.</summary>
    public const int NotFound = 2, AccessDenied = 13, Exists = 17, IsDirectory = 21, NoSpace = 28, ReadOnlyFileSystem = 30, NotPermitted = 1, Invalid = 22, NotSupported = 95, QuotaExceeded = 122;

    /// <summary>O_DIRECT, which architectures number differently.</summary>
    public static readonly int Direct = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? 0x10000 : 0x4000;

    /// <summary>F_GETFL, F_SETFL.</summary>
    private const int GetFlagsCommand = 3, SetFlagsCommand = 4;
    private const int AdviseRandom = 1;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags);

    /// <summary>The flags of an open file; negative for a failure.</summary>
    public static int GetFlags(SafeFileHandle file) => Control(file, GetFlagsCommand, 0);

    /// <summary>Changes those flags of an open file that can be changed; negative for a failure.</summary>
    public static int SetFlags(SafeFileHandle file, int flags) => Control(file, SetFlagsCommand, flags);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int OpenWithMode(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    public static partial int Control(int descriptor, int command, ref FileLockRange range);

    /// <summary>The kernel's number for the kind of file system that a file is on; 0 when it cannot be had.</summary>
    public static long FileSystemKind(SafeHandle file)
    {
        // struct statfs begins with it; all of it is 120 bytes on x64 and arm64.
        Span<long> answer = stackalloc long[32];
        return FileSystemStatus(file, answer) == 0 ? answer[0] : 0;
    }

    [LibraryImport("libc", EntryPoint = "fstatfs", SetLastError = true)]
    private static partial int FileSystemStatus(SafeHandle file, Span<long> status);

    // The third argument is variadic in C; on x64 and arm64 Linux it is passed in the same way all the same.
    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Control(SafeFileHandle file, int command, nint argument);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    public static partial int Synchronize(int descriptor);

    /// <summary>Pages of a mapping are wanted one here, one there: none is read ahead. A kernel that refuses reads more, that is all.</summary>
    public static void ExpectRandomUse(nint start, nuint length) => _ = Advise(start, length, AdviseRandom);

    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    private static partial int Advise(nint start, nuint length, int advice);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "mkdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int MakeDirectory(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Link(string existing, string added);
}
