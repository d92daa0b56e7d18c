namespace NodeAgent.Filesystem.Capture;

/// <summary>A piece of work ahead of the walk, done by whoever takes it first: a helper, or the walk when it needs it. Thread-safe.</summary>
internal abstract class AheadWork
{
    private readonly Lock _gate = new();
    private bool _isTaken;
    private bool _isDone;
    private Exception? _failure;
    private TaskCompletionSource? _waiter;

    /// <summary>Whether somebody has taken it.</summary>
    public bool IsTaken
    {
        get
        {
            lock (_gate) return _isTaken;
        }
    }

    /// <summary>True for the first one who asks: the work is his to do, and <see cref="Complete"/> his to call.</summary>
    public bool TryTake()
    {
        lock (_gate)
        {
            if (_isTaken) return false;
            return _isTaken = true;
        }
    }

    /// <summary>It is done, or failed in a way that ends the run.</summary>
    public void Complete(Exception? failure)
    {
        TaskCompletionSource? waiter;
        lock (_gate)
        {
            (_isDone, _failure) = (true, failure);
            waiter = _waiter;
        }

        if (failure is null) waiter?.TrySetResult();
        else waiter?.TrySetException(failure);
    }

    /// <summary>Waits for who took it. Not to be called before somebody has.</summary>
    public Task WaitAsync()
    {
        lock (_gate)
        {
            if (_isDone) return _failure is null ? Task.CompletedTask : Task.FromException(_failure);
            _waiter ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _waiter.Task;
        }
    }
}
