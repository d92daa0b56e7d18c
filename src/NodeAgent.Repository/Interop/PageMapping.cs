using System.Runtime.InteropServices;

namespace NodeAgent.Repository.Interop;

/// <summary>Owns pages of memory that the kernel gave (sys/mman.h). A page takes memory from the first write to it on.</summary>
internal sealed partial class PageMapping : SafeHandle
{
    /// <summary>PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, MADV_DONTNEED and MADV_HUGEPAGE: the same on x64 and arm64.</summary>
    private const int ReadWrite = 3, PrivateAnonymous = 0x22, DontNeed = 4, HugePages = 14;

    /// <summary>Of x64, and of arm64 with small pages of 4 KiB. With other ones no huge page fits in here, and there are none.</summary>
    public const int HugePage = 2 << 20;

    private const nint Failed = -1;

    private readonly nuint _length;
    private int _weighs;

    private PageMapping(nuint length)
        : base(0, ownsHandle: true) => _length = length;

    public override bool IsInvalid => handle is 0 or Failed;

    /// <param name="length">Bytes, at least one; whole pages are taken.</param>
    /// <param name="inHugePages">Whether it begins at a multiple of 2 MiB, and the kernel may hand out as many at a time as far as they fit in.</param>
    /// <exception cref="InsufficientMemoryException">The kernel does not give so many.</exception>
    public static PageMapping Create(int length, bool inHugePages)
    {
        var small = (nuint)Environment.SystemPageSize;
        var page = inHugePages ? Math.Max(HugePage, small) : small;
        var created = new PageMapping(((nuint)length + small - 1) / small * small);
        // One page more has such a beginning somewhere; what is before it and after the end goes back.
        var slack = inHugePages ? page : 0;
        var address = Map(0, created._length + slack, ReadWrite, PrivateAnonymous, -1, 0);
        if (address == Failed)
        {
            var error = Marshal.GetLastPInvokeError();
            created.Dispose();
            throw new InsufficientMemoryException($"the system refused {length} bytes of memory: {Marshal.GetPInvokeErrorMessage(error)}");
        }

        var before = (page - ((nuint)address % page)) % page;
        created.SetHandle(address + (nint)before);
        if (before > 0) _ = Unmap(address, before);
        if (slack > before) _ = Unmap(created.handle + (nint)created._length, slack - before);
        // It fails where the kernel has none: there are small ones then, as there are for what fills no huge one, which would be taken whole for its first byte.
        if (inHugePages) _ = Advise(created, created._length / page * page, HugePages);
        return created;
    }

    /// <summary>Gives the memory of all pages back. They stay, and read as zero until they are written again.</summary>
    public void GiveBack()
    {
        // It fails for memory that is locked (mlockall), which then simply stays as it is.
        _ = Advise(this, _length, DontNeed);
    }

    /// <summary>
    /// Lets the collector know of the memory, since it alone will free it. Otherwise it would see a small object that can wait.
    /// </summary>
    public void LeaveToCollector()
    {
        if (Interlocked.Exchange(ref _weighs, 1) == 0) GC.AddMemoryPressure((long)_length);
    }

    protected override bool ReleaseHandle()
    {
        if (_weighs != 0) GC.RemoveMemoryPressure((long)_length);
        return Unmap(handle, _length) == 0;
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    private static partial int Advise(PageMapping address, nuint length, int advice);
}
