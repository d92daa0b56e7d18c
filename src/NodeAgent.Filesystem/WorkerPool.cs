namespace NodeAgent.Filesystem;

/// <summary>Runs the work of a backup or a restore on a few threads, and holds up whoever brings more than they can take.</summary>
internal sealed class WorkerPool(int workers) : IDisposable
{
    /// <summary>Workers that one piece of work which others help with keeps busy: its own thread brings several times what one of them takes.</summary>
    private const int WorkersForOne = 4;

    private readonly SemaphoreSlim _slots = new(workers);
    private readonly SemaphoreSlim _turns = new(Math.Max(1, workers / WorkersForOne));
    private readonly Lock _gate = new();
    private int _wanting;
    private int _underWay;
    private TaskCompletionSource? _ended;

    /// <summary>How many work at once.</summary>
    public int Workers => workers;

    /// <summary>Pieces of work that are under way at most, when whoever brings them waits for <see cref="ThrottleAsync"/>.</summary>
    public int Limit { get; } = workers * 4;

    /// <summary>Whether work waits for a worker.</summary>
    public bool IsWanted => Volatile.Read(ref _wanting) > 0;

    /// <summary>Whether so much is under way that <see cref="ThrottleAsync"/> would wait.</summary>
    public bool IsFull
    {
        get
        {
            lock (_gate) return _underWay >= Limit;
        }
    }

    /// <summary>Starts work; it waits for a free worker.</summary>
    public Task Run(Func<Task> work) => Run(work, null);

    /// <summary>
    /// Starts work that keeps several workers busy, since others help with it. Such work is done in the order in which it came: one piece after the other where there are few workers,
    /// a few at once where there are many. What waits for its turn keeps no worker.
    /// </summary>
    /// <param name="work">Is given what to call, once or not at all, when the next may begin before this ends.</param>
    public Task RunInTurn(Func<Action, Task> work)
    {
        return Run(DoAsync, _turns.WaitAsync());

        async Task DoAsync()
        {
            var isOver = false;
            try
            {
                await work(End);
            }
            finally
            {
                End();
            }

            void End()
            {
                if (isOver) return;
                isOver = true;
                _turns.Release();
            }
        }
    }

    /// <summary>Starts work that waits, first for other work without taking a worker from it, then for a free worker.</summary>
    public Task Run(Func<Task> work, Task? after)
    {
        lock (_gate) _underWay++;
        return Task.Run(async () =>
        {
            try
            {
                if (after is not null) await after.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
                Interlocked.Increment(ref _wanting);
                await _slots.WaitAsync();
                Interlocked.Decrement(ref _wanting);
                try
                {
                    await work();
                }
                finally
                {
                    _slots.Release();
                }
            }
            finally
            {
                End();
            }
        });
    }

    /// <summary>
    /// Starts work on a worker that is free at this moment; false when there is none. For work that a worker which is busy with the rest of it can do as well.
    /// It must not fail.
    /// </summary>
    public bool TryRunNow(Func<Task> work)
    {
        if (!_slots.Wait(0)) return false;
        // Nobody counts it: it ends with the work that it helps with, and DrainAsync waits until its worker is free again.
        _ = Task.Run(async () =>
        {
            try
            {
                await work();
            }
            finally
            {
                _slots.Release();
            }
        });
        return true;
    }

    /// <summary>
    /// Waits until little enough is under way, whichever of it ends first: small things that came after a large one are done long before it.
    /// What failed is seen by those who wait for its result.
    /// </summary>
    public async ValueTask ThrottleAsync() => await FewerThanAsync(Limit);

    /// <summary>Waits for everything, failed or not.</summary>
    public async Task DrainAsync()
    {
        await FewerThanAsync(1);
        for (var taken = 0; taken < workers; taken++) await _slots.WaitAsync();
        _slots.Release(workers);
    }

    public void Dispose()
    {
        _slots.Dispose();
        _turns.Dispose();
    }

    private async ValueTask FewerThanAsync(int limit)
    {
        while (true)
        {
            Task wait;
            lock (_gate)
            {
                if (_underWay < limit) return;
                _ended ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                wait = _ended.Task;
            }

            await wait;
        }
    }

    private void End()
    {
        lock (_gate)
        {
            _underWay--;
            _ended?.TrySetResult();
            _ended = null;
        }
    }
}
