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
}
