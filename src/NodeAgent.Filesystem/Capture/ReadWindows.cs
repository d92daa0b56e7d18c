namespace NodeAgent.Filesystem.Capture;

/// <summary>
/// The windows of all files that are being read: each file has one, and there are some more, for those that others help with. A file that is read alone may have
/// all of them, and gives up what another needs as soon as its chunks there are stored. Thread-safe.
/// </summary>
/// <param name="length">Bytes of each.</param>
/// <param name="count">How many there are; more than files are read at once.</param>
internal sealed class ReadWindows(int length, int count)
{
    private readonly Lock _gate = new();
    private readonly Stack<byte[]> _free = new();
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private int _left = count;

    /// <summary>The window that a file always has; waits for one that another file has beyond its own.</summary>
    public async ValueTask<ReadWindow> TakeAsync()
    {
        Task granted;
        lock (_gate)
        {
            if (_left > 0)
            {
                _left--;
                return Window();
            }

            var mine = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(mine);
            granted = mine.Task;
        }

        await granted;
        lock (_gate) return Window();
    }

    /// <summary>One more; null when all are in use.</summary>
    public ReadWindow? TryTakeAnother()
    {
        lock (_gate)
        {
            if (_left == 0) return null;
            _left--;
            return Window();
        }
    }

    private ReadWindow Window() => new(_free.TryPop(out var bytes) ? bytes : GC.AllocateUninitializedArray<byte>(length), Return);

    private void Return(byte[] bytes)
    {
        lock (_gate)
        {
            _free.Push(bytes);
            if (_waiting.TryDequeue(out var next)) next.SetResult();
            else _left++;
        }
    }
}
