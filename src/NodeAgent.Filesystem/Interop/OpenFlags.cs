using System.Runtime.InteropServices;

namespace NodeAgent.Filesystem.Interop;

/// <summary>Flags of open(2). Two of them have other values on arm64.</summary>
internal static class OpenFlags
{
    internal const int ReadOnly = 0;
    internal const int WriteOnly = 1;
    internal const int ReadWrite = 2;
    internal const int Create = 0x40;
    internal const int Exclusive = 0x80;
    internal const int NonBlocking = 0x800;
    internal const int NoAccessTime = 0x40000;
    internal const int CloseOnExec = 0x80000;
    internal const int PathOnly = 0x200000;

    internal static int Directory => DirectoryOn(RuntimeInformation.ProcessArchitecture);

    internal static int NoFollow => NoFollowOn(RuntimeInformation.ProcessArchitecture);

    internal static int DirectoryOn(Architecture architecture) => architecture == Architecture.Arm64 ? 0x4000 : 0x10000;

    internal static int NoFollowOn(Architecture architecture) => architecture == Architecture.Arm64 ? 0x8000 : 0x20000;
}
