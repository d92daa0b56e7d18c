using System.Text;
using NodeAgent.Filesystem.Interop;

namespace NodeAgent.Filesystem.Tests.Support;

/// <summary>Swaps two names in one step, which only an attacker needs.</summary>
internal static unsafe class Exchange
{
    private const nuint RenameExchange = 2;

    public static bool Try(DirectoryHandle directory, string one, string other)
    {
        fixed (byte* a = Encoding.UTF8.GetBytes(one + "\0"), b = Encoding.UTF8.GetBytes(other + "\0"))
            return LibC.SystemCall(Files.RenameAt2Number, directory.Descriptor, a, directory.Descriptor, b, RenameExchange) == 0;
    }
}
