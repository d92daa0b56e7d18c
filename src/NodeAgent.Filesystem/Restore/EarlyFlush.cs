using NodeAgent.Filesystem.Interop;

namespace NodeAgent.Filesystem.Restore;

/// <summary>
/// Lets the disk have what was made while more is being made, on a thread of its own. A file system keeps small files in memory until it is told, or for half a minute,
/// and the flush in the end of a restore would then write all of them while nothing else is done. Until its journal is written it also keeps every block of directories
/// and inodes that was changed: in a container these count, cannot be given back, and a restore of many small files would be killed for them. What is
/// rewritten in its place takes no new blocks and is not counted. Thread-safe.
/// </summary>
internal sealed class EarlyFlush : IDisposable
{
    /// <summary>Bytes between one flush and the next where there is memory enough. With less, the flushes themselves are what takes time.</summary>
    public const long Enough = 96 << 20;

    private const long LeastPending = 8 << 20;
    private const long MostPending = 1 << 30;
    private const int Block = 4 << 10;

    // Its share of a block of inodes and of a directory, and what the kernel knows of it.
    private const int Inode = 1 << 10;

    // Of its own: the run may end while it is in use.
    private readonly DirectoryHandle _target;
    private readonly string _path;
    private readonly bool _hasMark;
    private readonly Action<DirectoryHandle> _synchronize;
    private readonly long _enough;
    private readonly long _most;
    private readonly Lock _gate = new();
    private long _pending;
    private long _underWay;
    private Task _running = Task.CompletedTask;
    private volatile Exception? _failure;
    private bool _isDisposed;

    /// <param name="target">The target of the restore. Opened once more.</param>
    /// <param name="path">What it is called in errors.</param>
    /// <param name="memory">Bytes of memory that the restore may take: a quarter of it is for what is not on the disk yet.</param>
    /// <param name="hasMark">Whether the target has a <see cref="ResumeMark"/> of this run, and not a file of the snapshot's in its place.</param>
    /// <param name="synchronize">Flushes the file system that it is given a directory of; null for the system's own call.</param>
    public EarlyFlush(DirectoryHandle target, string path, long memory, bool hasMark, Action<DirectoryHandle>? synchronize = null)
    {
        (_path, _hasMark) = (path, hasMark);
        _most = Math.Clamp(memory / 4, LeastPending, MostPending);
        _enough = Math.Min(Enough, _most / 2);
        _synchronize = synchronize ?? Files.SynchronizeFileSystem;
        _target = Files.Open(target, "."u8, OpenFlags.Directory);
    }

    /// <summary>What a file takes in memory until it is on the disk, bytes.</summary>
    /// <param name="size">Of its content, as far as that may be in memory.</param>
    public static long CostOfFile(long size) => Inode + ((size + Block - 1) / Block * Block);

    /// <summary>What a new directory takes in memory until it is on the disk, bytes.</summary>
    public static long CostOfDirectory => Inode + Block;

    /// <summary>
    /// Something was made. Begins a flush when much was and none is under way. Waits for the one that is when more has been made meanwhile than there is memory for.
    /// </summary>
    /// <param name="cost">Bytes that it may take in memory until it is on the disk.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public ValueTask AddAsync(long cost, CancellationToken cancellationToken)
    {
        var pending = Interlocked.Add(ref _pending, cost);
        if (pending < _enough) return ValueTask.CompletedTask;
        lock (_gate)
        {
            if (_isDisposed) return ValueTask.CompletedTask;
            if (!_running.IsCompleted) return _underWay + pending < _most ? ValueTask.CompletedTask : WaitAsync(_running, cancellationToken);
            if (_failure is not null || Interlocked.Read(ref _pending) < _enough) return ValueTask.CompletedTask;
            try
            {
                _underWay = Interlocked.Exchange(ref _pending, 0);
                _running = Task.Factory.StartNew(Flush, CancellationToken.None, TaskCreationOptions.LongRunning | TaskCreationOptions.RunContinuationsAsynchronously, TaskScheduler.Default);
            }
            catch (TaskSchedulerException)
            {
                // The system gives no thread: what is made next tries again, and the flush in the end is this thread's.
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Ends a run whose flush failed: more of it would be lost, too.</summary>
    /// <exception cref="IOException">Some of what was made is not on the disk.</exception>
    public void ThrowIfFailed()
    {
        if (_failure is { } failure)
        {
            throw new IOException(
                $"{_path}: what was restored is not safe on the disk: {failure.Message} (look at the disk, or the server that the file system is on, and restore again into an empty directory, or overwriting all that is there)", failure);
        }
    }

    /// <summary>Waits for what was begun, and flushes the rest.</summary>
    /// <exception cref="IOException">Some of what was made since the beginning is not on the disk.</exception>
    public async Task FinishAsync()
    {
        Task running;
        lock (_gate) running = _running;
        await running;
        if (_failure is null) Flush();
        ThrowIfFailed();
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _ = _running.ContinueWith(_ => _target.Dispose(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    /// <summary>Never fails: what went wrong is kept.</summary>
    private void Flush()
    {
        try
        {
            _synchronize(_target);
        }
        catch (Exception exception)
        {
            // The system tells such an error once, whoever asks. No later run may take for complete what was lost.
            if (_hasMark) ResumeMark.Forget(_target);
            _failure = exception;
        }
    }

    private static async ValueTask WaitAsync(Task flush, CancellationToken cancellationToken) =>
        await flush.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
