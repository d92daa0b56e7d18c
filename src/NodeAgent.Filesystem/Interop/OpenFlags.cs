using System.Runtime.InteropServices;

namespace NodeAgent.Filesystem.Interop;

/// <summary>Flags of open(2). Two of them have other values on arm64 than on x64 (asm/fcntl.h).</summary>
internal static class OpenFlags
{
    public const int ReadOnly = 0;
    public const int WriteOnly = 1;
    public const int ReadWrite = 2;
    public const int Create = 0x40;
    public const int Exclusive = 0x80;
    public const int NonBlocking = 0x800;
    public const int NoAccessTime = 0x40000;
    public const int CloseOnExec = 0x80000;
    public const int PathOnly = 0x200000;

    private static readonly bool Arm64 = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    public static readonly int Directory = Arm64 ? 0x4000 : 0x10000;
    public static readonly int NoFollow = Arm64 ? 0x8000 : 0x20000;
}
