using System.Runtime.InteropServices;

namespace NodeAgent.Repository.Interop;

/// <summary>struct flock: part of a file to lock. Zeros stand for all of it, however long it may become.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FileLockRange
{
    /// <summary>F_RDLCK or F_WRLCK.</summary>
    public short Type;
    public short Whence;
    public long Start;
    public long Length;

    /// <summary>Must be zero for a lock that belongs to the open file.</summary>
    public int Process;
}
