using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NodeAgent.Repository.Tests.Support;

/// <summary>What the kernel holds of files in memory.</summary>
internal static class PageCache
{
    private const int Read = 1, Shared = 1, WillNotNeed = 4;

    /// <summary>Pages of a file that are in memory. Reads nothing of it.</summary>
    public static int CountPages(string path)
    {
        using var file = File.OpenHandle(path);
        var length = (nuint)RandomAccess.GetLength(file);
        if (length == 0) return 0;
        var memory = Map(0, length, Read, Shared, file, 0);
        Assert.NotEqual(-1, memory);
        try
        {
            var pages = new byte[(length + (nuint)Environment.SystemPageSize - 1) / (nuint)Environment.SystemPageSize];
            Assert.Equal(0, Resident(memory, length, pages));
            return pages.Count(p => (p & 1) != 0);
        }
        finally
        {
            Assert.Equal(0, Unmap(memory, length));
        }
    }

    /// <summary>Asks for all pages of a file, which is on the disk, to be given back. A file system in memory keeps them.</summary>
    public static void Evict(string path)
    {
        using var file = File.OpenHandle(path);
        Assert.Equal(0, Advise(file, 0, 0, WillNotNeed));
    }

    [DllImport("libc", EntryPoint = "mmap", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint Map(nint address, nuint length, int protection, int flags, SafeFileHandle file, nint offset);

    [DllImport("libc", EntryPoint = "munmap", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Unmap(nint address, nuint length);

    [DllImport("libc", EntryPoint = "mincore", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Resident(nint address, nuint length, byte[] pages);

    [DllImport("libc", EntryPoint = "posix_fadvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Advise(SafeFileHandle file, long offset, long length, int advice);
}
