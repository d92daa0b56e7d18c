using System.Runtime.InteropServices;
using NodeAgent.Repository.Interop;

namespace NodeAgent.Repository.Stores;

/// <summary>Makes the names in a directory outlive a crash of the machine, as flushing a file does for its content only.</summary>
public static class DurableDirectory
{
    /// <summary>Flushes the names in a directory to the disk. Answers 0, or the errno of what failed.</summary>
    public static int TryFlush(string directory)
    {
        var descriptor = LibC.Open(directory, LibC.OpenReadOnly);
        if (descriptor < 0) return Marshal.GetLastPInvokeError();
        try
        {
            // Invalid, not supported: some network file systems cannot flush a directory; what they were told is at the server already.
            return LibC.Synchronize(descriptor) == 0 || Marshal.GetLastPInvokeError() is LibC.Invalid or LibC.NotSupported ? 0 : Marshal.GetLastPInvokeError();
        }
        finally
        {
            _ = LibC.Close(descriptor);
        }
    }

    /// <inheritdoc cref="TryFlush"/>
    /// <exception cref="IOException">It could not be flushed.</exception>
    public static void Flush(string directory)
    {
        if (TryFlush(directory) is var error and not 0) throw new IOException($"flushing directory {directory}: {Marshal.GetPInvokeErrorMessage(error)} (errno {error})", error);
    }

    /// <summary>
    /// Makes one directory, and none above it: a place that was unmounted in between would come back as an empty directory beside what it was.
    /// One that is there already is left as it is.
    /// </summary>
    /// <param name="directory">Its path; the directory above must be there.</param>
    /// <param name="mode">Permissions, before the process's mask takes its own away.</param>
    /// <exception cref="DirectoryNotFoundException">The directory above it is not there.</exception>
    /// <exception cref="UnauthorizedAccessException">It is not permitted.</exception>
    /// <exception cref="IOException">It could not be made.</exception>
    public static void Make(string directory, UnixFileMode mode)
    {
        if (LibC.MakeDirectory(directory, (uint)mode) == 0) return;
        var error = Marshal.GetLastPInvokeError();
        if (error == LibC.Exists && Directory.Exists(directory)) return;
        var message = $"making directory {directory}: {Marshal.GetPInvokeErrorMessage(error)}";
        throw error switch
        {
            LibC.NotFound => new DirectoryNotFoundException(message),
            LibC.AccessDenied or LibC.NotPermitted => new UnauthorizedAccessException(message),
            _ => new IOException($"{message} (errno {error})", error),
        };
    }

    /// <summary>Gives a file a second name. Unlike a move, it never replaces what has that name, whoever gave it at the same moment.</summary>
    /// <exception cref="IOException">There is such a name already, or the file system knows no second names.</exception>
    public static void Link(string file, string name)
    {
        if (LibC.Link(file, name) == 0) return;
        var error = Marshal.GetLastPInvokeError();
        throw new IOException($"naming {name}: {Marshal.GetPInvokeErrorMessage(error)} (errno {error})", error);
    }
}
