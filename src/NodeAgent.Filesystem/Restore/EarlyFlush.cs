using NodeAgent.Filesystem.Interop;

namespace NodeAgent.Filesystem.Restore;

/// <summary>
/// Lets the disk have what was written while more is being written, on a thread of its own: a file system keeps small files in memory until it is told, or for half
/// a minute, and the flush in the end of a restore would then write all of them while nothing else is done. Thread-safe.
/// </summary>
internal sealed class EarlyFlush : IDisposable
{
    /// <summary>Bytes of small files between one flush and the next. Less, and the flushes themselves are what takes time.</summary>
    public const long Enough = 96 << 20;

    // Of its own: whoever ends early does not wait for a disk.
    private readonly DirectoryHandle _target;
    private readonly Action<DirectoryHandle> _synchronize;
    private readonly Lock _gate = new();
    private long _written;
    private Task _running = Task.CompletedTask;
    private bool _isDisposed;

    /// <param name="target">A directory of the file system. Opened once more.</param>
    /// <param name="synchronize">Flushes the file system that it is given a directory of; null for the system's own call.</param>
    public EarlyFlush(DirectoryHandle target, Action<DirectoryHandle>? synchronize = null)
    {
        _synchronize = synchronize ?? Files.SynchronizeFileSystem;
        _target = Files.Open(target, "."u8, OpenFlags.Directory);
    }

    /// <summary>A file is complete, with so many bytes that may still be in memory. Begins a flush when they are many and none is under way; waits for nothing.</summary>
    public void Add(long bytes)
    {
        if (Interlocked.Add(ref _written, bytes) < Enough) return;
        lock (_gate)
        {
            // One that failed is the last: a file system tells an error once, and it is for whoever waits for all of it.
            if (_isDisposed || !_running.IsCompletedSuccessfully || Interlocked.Read(ref _written) < Enough) return;
            Interlocked.Exchange(ref _written, 0);
            try
            {
                _running = Task.Factory.StartNew(() => _synchronize(_target), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            }
            catch (TaskSchedulerException)
            {
                // The system gives no thread: all is left to the flush in the end.
            }
        }
    }

    /// <summary>Waits for what was begun, and flushes the rest.</summary>
    /// <exception cref="FileSystemException">Some of what was written since the beginning is not on the disk.</exception>
    public async Task FinishAsync()
    {
        Task running;
        lock (_gate) running = _running;
        await running;
        _synchronize(_target);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _ = _running.ContinueWith(_ => _target.Dispose(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }
}
