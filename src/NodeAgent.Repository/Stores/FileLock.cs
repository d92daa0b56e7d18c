using System.Diagnostics;
using System.Runtime.InteropServices;
using NodeAgent.Repository.Interop;

namespace NodeAgent.Repository.Stores;

/// <summary>A lock on a file, shared or exclusive, between processes and within one. The kernel lets go of it when the process ends.</summary>
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
        var operation = (mode == FenceMode.Exclusive ? LibC.LockExclusive : LibC.LockShared) | LibC.LockNonBlocking;
        var waited = Stopwatch.StartNew();
        try
        {
            while (LibC.FileLock(descriptor, operation) != 0)
            {
                if (Marshal.GetLastPInvokeError() is not (LibC.WouldBlock or LibC.Interrupted)) throw Failed(path);
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
