namespace NodeAgent.Filesystem.Capture;

/// <summary>
/// The windows of all files that are being read: each file has one, and there are some more, for those that others help with. A file that is read alone may have
/// all of them, and gives up what another needs as soon as its chunks there are stored. Thread-safe.
/// </summary>
/// <param name="length">Bytes of each.</param>
/// <param name="count">How many there are; no fewer than files are read at once.</param>
internal sealed class ReadWindows(int length, int count)
{
    private readonly Lock _gate = new();
    private readonly Stack<byte[]> _free = new();
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private int _left = count;

    /// <summary>The window that a file always has; waits for one that another file has beyond its own. Not for a file that has one: it might wait for itself.</summary>
    public async ValueTask<ReadWindow> TakeAsync(CancellationToken cancellationToken)
    {
        TaskCompletionSource granted;
        lock (_gate)
        {
            if (_left > 0) return Window(isGranted: false);
            granted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(granted);
        }

        try
        {
            await granted.Task.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // It was granted meanwhile, or is to be granted to nobody when its turn comes.
            if (!granted.TrySetCanceled(CancellationToken.None)) GiveBack();
            throw;
        }

        lock (_gate) return Window(isGranted: true);
    }

    /// <summary>One more; null when all are in use.</summary>
    public ReadWindow? TryTakeAnother()
    {
        lock (_gate) return _left == 0 ? null : Window(isGranted: false);
    }

    private ReadWindow Window(bool isGranted)
    {
        byte[]? bytes;
        try
        {
            bytes = _free.TryPop(out var free) ? free : GC.AllocateUninitializedArray<byte>(length);
        }
        catch (OutOfMemoryException) when (isGranted)
        {
            GiveBack();
            throw;
        }

        if (!isGranted) _left--;
        return new ReadWindow(bytes, Return);
    }

    private void Return(byte[] bytes)
    {
        lock (_gate)
        {
            _free.Push(bytes);
            GiveBack();
        }
    }

    private void GiveBack()
    {
        lock (_gate)
        {
            while (_waiting.TryDequeue(out var next))
            {
                if (next.TrySetResult()) return;
            }

            _left++;
        }
    }
}
