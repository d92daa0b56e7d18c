namespace NodeAgent.Agent.Runs;

/// <summary>
/// The runs that this process has in hand, by the UID of their objects. So many at once; the others wait their turn. Safe for concurrent use.
/// </summary>
internal sealed class RunRegistry(int slots) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, HeldRun> _runs = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _slots = new(slots);
    private readonly CancellationTokenSource _lastWords = new();
    private bool _isStopping;

    /// <summary>True from the moment the process was told to end.</summary>
    public bool IsStopping => Volatile.Read(ref _isStopping);

    /// <summary>For writing down how a run ended: cancelled when the process has no more time for it.</summary>
    public CancellationToken LastWords => _lastWords.Token;

    public int Count
    {
        get
        {
            lock (_gate) return _runs.Count;
        }
    }

    public bool Holds(string uid)
    {
        lock (_gate) return _runs.ContainsKey(uid);
    }

    /// <summary>
    /// Takes a run in hand and starts it as soon as there is a slot. It is held until its task has ended, whichever way; the task
    /// must handle its own failures. Returns false when the run is held already or the process ends.
    /// </summary>
    /// <param name="run">Gets the token that <see cref="Cancel"/> cancels. A run that is cancelled before its turn is started all the same, to say so.</param>
    /// <param name="ended">Called when the run is held no more.</param>
    public bool TryStart(string uid, Func<CancellationToken, Task> run, Action ended)
    {
        lock (_gate)
        {
            if (_isStopping || _runs.ContainsKey(uid)) return false;
            var held = new HeldRun(new CancellationTokenSource());
            _runs.Add(uid, held);
            held.Task = Task.Run(() => RunAsync(uid, held, run, ended));
            return true;
        }
    }

    /// <summary>Asks a run to stop. Nothing happens when it is not held.</summary>
    /// <param name="reason">Why, when nobody wished it; the first reason, or wish, counts.</param>
    public void Cancel(string uid, string reason = "")
    {
        HeldRun? held;
        lock (_gate) held = _runs.GetValueOrDefault(uid);
        held?.Cancel(reason);
    }

    /// <summary>Why a run was asked to stop: empty for a wish, null when it was not, or only with the process.</summary>
    public string? ReasonOf(string uid)
    {
        lock (_gate) return _runs.GetValueOrDefault(uid)?.Reason;
    }

    /// <summary>
    /// Takes no more runs, lets those that have a slot go on for a moment, since one that is nearly done is not to be done again, stops the others, and
    /// waits for their ends.
    /// </summary>
    /// <param name="grace">How long runs may go on.</param>
    /// <param name="limit">How long they then have for ending and writing it down. Those that do not manage it are given up: the process ends without them.</param>
    public async Task StopAsync(TimeSpan grace, TimeSpan limit)
    {
        HeldRun[] left;
        lock (_gate)
        {
            _isStopping = true;
            left = [.. _runs.Values];
        }

        foreach (var run in left.Where(r => !r.HasSlot)) run.Cancel(null);
        var ends = Task.WhenAll(left.Select(r => r.Task));
        await ends.WaitAsync(grace).ContinueWith(static _ => { }, TaskScheduler.Default);
        foreach (var run in left) run.Cancel(null);
        _lastWords.CancelAfter(limit);
        await ends.WaitAsync(limit).ContinueWith(static _ => { }, TaskScheduler.Default);
    }

    /// <summary>When no run is started any more.</summary>
    public void Dispose()
    {
        // Runs that were given up still hold both.
        if (Count > 0) return;
        _slots.Dispose();
        _lastWords.Dispose();
    }

    private async Task RunAsync(string uid, HeldRun held, Func<CancellationToken, Task> run, Action ended)
    {
        var hasSlot = false;
        try
        {
            try
            {
                await _slots.WaitAsync(held.Token);
                hasSlot = held.HasSlot = true;
            }
            catch (OperationCanceledException)
            {
                // The run itself says on its object that it was cancelled.
            }

            // One whose turn had not come when the process was told to end is left to the next process as it is.
            if (!IsStopping) await run(held.Token);
        }
        finally
        {
            if (hasSlot) _slots.Release();
            lock (_gate) _runs.Remove(uid);
            held.Dispose();
            ended();
        }
    }

    private sealed class HeldRun(CancellationTokenSource cancellation) : IDisposable
    {
        private readonly Lock _gate = new();
        private volatile bool _hasSlot;
        private bool _isDisposed;

        public Task Task { get; set; } = Task.CompletedTask;

        /// <summary>Whether its turn has come.</summary>
        public bool HasSlot
        {
            get => _hasSlot;
            set => _hasSlot = value;
        }

        public CancellationToken Token { get; } = cancellation.Token;

        public string? Reason { get; private set; }

        public void Cancel(string? reason)
        {
            lock (_gate)
            {
                if (_isDisposed) return;
                Reason ??= reason;
                cancellation.Cancel();
            }
        }

        public void Dispose()
        {
            lock (_gate)
            {
                _isDisposed = true;
                cancellation.Dispose();
            }
        }
    }
}
