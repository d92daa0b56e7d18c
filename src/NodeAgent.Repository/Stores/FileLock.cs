using System.Diagnostics;
using System.Runtime.InteropServices;
using NodeAgent.Repository.Interop;

namespace NodeAgent.Repository.Stores;

/// <summary>A lock on a file, shared or exclusive, between processes and within one. The kernel lets go of it when the process ends.</summary>
/// <remarks>
/// A lock by fcntl, not flock: a file server holds the locks of its NFS clients as the former, and then a prune on the server itself and a
/// backup from a client keep out of each other's way.
/// </remarks>
internal sealed class FileLock : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private int _descriptor;

    private FileLock(int descriptor) => _descriptor = descriptor;

    /// <summary>Waits for the lock.</summary>
    /// <returns>The lock, or null when it was not to be had in time.</returns>
    /// <exception cref="IOException">The file cannot be opened or locked; HResult is the errno.</exception>
    public static async Task<FileLock?> TryAcquireAsync(string path, FenceMode mode, TimeSpan patience, CancellationToken cancellationToken)
    {
        var descriptor = LibC.OpenWithMode(path, LibC.OpenReadWrite | LibC.OpenCreate, 0x180);
        if (descriptor < 0) throw Failed(path);
        var range = new FileLockRange { Type = mode == FenceMode.Exclusive ? LibC.WriteLock : LibC.ReadLock };
        var waited = Stopwatch.StartNew();
        try
        {
            while (LibC.Control(descriptor, LibC.SetLock, ref range) != 0)
            {
                // EACCES: what some file servers say instead of EAGAIN.
                if (Marshal.GetLastPInvokeError() is not (LibC.WouldBlock or LibC.AccessDenied or LibC.Interrupted)) throw Failed(path);
                if (waited.Elapsed > patience) return null;
                await Task.Delay(Pause, cancellationToken);
            }

            var held = new FileLock(descriptor);
            descriptor = -1;
            return held;
        }
        finally
        {
            if (descriptor >= 0) _ = LibC.Close(descriptor);
        }
    }

    public ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _descriptor, -1) is var descriptor and >= 0) _ = LibC.Close(descriptor);
        return ValueTask.CompletedTask;
    }

    private static IOException Failed(string path)
    {
        var error = Marshal.GetLastPInvokeError();
        return new IOException($"{path}: {Marshal.GetPInvokeErrorMessage(error)}", error);
    }
}
