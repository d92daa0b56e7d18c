namespace NodeAgent.Filesystem.Interop;

/// <summary>A system call on a file failed.</summary>
public sealed class FileSystemException : IOException
{
    internal FileSystemException(string operation, FileName name, int error)
        : base($"{operation} '{name}': {Errno.Describe(error)}")
    {
        Operation = operation;
        Error = error;
    }

    /// <summary>The call.</summary>
    public string Operation { get; }

    /// <summary>The error number.</summary>
    public int Error { get; }
}
