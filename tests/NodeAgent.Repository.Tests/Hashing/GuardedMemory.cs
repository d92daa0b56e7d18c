using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NodeAgent.Repository.Tests.Hashing;

/// <summary>Memory that ends where a page begins that nobody may read or write: whoever goes past the end ends the process.</summary>
internal sealed class GuardedMemory : IDisposable
{
    private const int None = 0, ReadWrite = 3, PrivateAnonymous = 0x22;

    private readonly nint _pages;
    private readonly nuint _size;
    private readonly int _length;

    /// <param name="length">Bytes, at least one.</param>
    public GuardedMemory(int length)
    {
        var page = (nuint)Environment.SystemPageSize;
        _length = length;
        _size = ((nuint)length + page - 1) / page * page;
        _pages = Map(0, _size + page, None, PrivateAnonymous, -1, 0);
        Assert.NotEqual(-1, _pages);
        Assert.Equal(0, Protect(_pages, _size, ReadWrite));
    }

    public Span<byte> Span =>
        MemoryMarshal.CreateSpan(ref Unsafe.AddByteOffset(ref Unsafe.NullRef<byte>(), _pages + (nint)_size - _length), _length);

    public void Dispose() => Assert.Equal(0, Unmap(_pages, _size + (nuint)Environment.SystemPageSize));

    [DllImport("libc", EntryPoint = "mmap", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint Map(nint address, nuint length, int protection, int flags, int descriptor, nint offset);

    [DllImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Protect(nint address, nuint length, int protection);

    [DllImport("libc", EntryPoint = "munmap", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Unmap(nint address, nuint length);
}
