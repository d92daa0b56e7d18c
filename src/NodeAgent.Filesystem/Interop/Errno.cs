using System.Runtime.InteropServices;

namespace NodeAgent.Filesystem.Interop;

/// <summary>Error numbers of Linux, the same on every architecture that .NET runs on, and their names.</summary>
internal static class Errno
{
    public const int NotPermitted = 1, NoEntry = 2, InputOutput = 5, NoDeviceOrAddress = 6, WouldBlock = 11, NoMemory = 12, AccessDenied = 13, Exists = 17, CrossDevice = 18, NotDirectory = 20,
        IsDirectory = 21, Invalid = 22, NotTty = 25, NoSpace = 28, ReadOnly = 30, ManyNames = 31, Range = 34, NotImplemented = 38, NotEmpty = 39, TooManyLinks = 40,
        NoData = 61, NotSupported = 95, Stale = 116, QuotaExceeded = 122;

    /// <summary>For example "permission denied (EACCES)".</summary>
    public static string Describe(int error)
    {
        var text = Marshal.GetPInvokeErrorMessage(error);
        var name = error switch
        {
            NotPermitted => "EPERM",
            NoEntry => "ENOENT",
            InputOutput => "EIO",
            NoDeviceOrAddress => "ENXIO",
            AccessDenied => "EACCES",
            Exists => "EEXIST",
            CrossDevice => "EXDEV",
            NotDirectory => "ENOTDIR",
            IsDirectory => "EISDIR",
            Invalid => "EINVAL",
            24 => "EMFILE",
            NoSpace => "ENOSPC",
            ReadOnly => "EROFS",
            ManyNames => "EMLINK",
            NotEmpty => "ENOTEMPTY",
            NotImplemented => "ENOSYS",
            TooManyLinks => "ELOOP",
            NotSupported => "EOPNOTSUPP",
            NoMemory => "ENOMEM",
            7 => "E2BIG",
            WouldBlock => "EAGAIN",
            Stale => "ESTALE",
            QuotaExceeded => "EDQUOT",
            _ => $"errno {error}",
        };
        return $"{text.ToLowerInvariant()} ({name})";
    }
}
