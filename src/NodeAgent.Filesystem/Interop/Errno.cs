using System.Runtime.InteropServices;

namespace NodeAgent.Filesystem.Interop;

/// <summary>Error numbers, equal on x64 and arm64, and their names.</summary>
internal static class Errno
{
    internal const int NotPermitted = 1;
    internal const int NoEntry = 2;
    internal const int NoDeviceOrAddress = 6;
    internal const int Access = 13;
    internal const int Exists = 17;
    internal const int NotDirectory = 20;
    internal const int Invalid = 22;
    internal const int NotTerminal = 25;
    internal const int Range = 34;
    internal const int NotImplemented = 38;
    internal const int Loop = 40;
    internal const int NoData = 61;
    internal const int NotSupported = 95;

    internal static string Name(int error) => error switch
    {
        1 => "EPERM", 2 => "ENOENT", 5 => "EIO", 6 => "ENXIO", 13 => "EACCES", 16 => "EBUSY", 17 => "EEXIST", 18 => "EXDEV",
        20 => "ENOTDIR", 21 => "EISDIR", 22 => "EINVAL", 24 => "EMFILE", 25 => "ENOTTY", 28 => "ENOSPC", 30 => "EROFS",
        34 => "ERANGE", 36 => "ENAMETOOLONG", 38 => "ENOSYS", 39 => "ENOTEMPTY", 40 => "ELOOP", 61 => "ENODATA",
        95 => "EOPNOTSUPP", 116 => "ESTALE", 122 => "EDQUOT", _ => $"errno {error}",
    };

    internal static string Describe(int error) => $"{Marshal.GetPInvokeErrorMessage(error)} ({Name(error)})";
}
