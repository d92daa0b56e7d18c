namespace NodeAgent.Filesystem.Interop;

/// <summary>A call on a file failed: which call, and why.</summary>
public sealed class FileSystemException(string operation, int error, string? path = null)
    : IOException(path is null ? $"{operation}: {Errno.Describe(error)}" : $"{path}: {operation}: {Errno.Describe(error)}")
{
    /// <summary>The call, such as "open".</summary>
    public string Operation { get; } = operation;

    /// <summary>The errno.</summary>
    public int Error { get; } = error;

    /// <summary>Whether every other file would fail for the same reason: the disk is full, or for reading alone.</summary>
    public bool FailsWhatFollows => Error is Errno.NoSpace or Errno.QuotaExceeded or Errno.ReadOnly;

    /// <summary>The reason alone.</summary>
    public string Reason => Errno.Describe(Error);
}
