namespace NodeAgent.Kubernetes.Queues;

/// <summary>
/// Keys of objects that need attention. A key waits once however often it is added, and is in the hands of one worker at a time:
/// one that is added while it is worked on waits until that is done. Safe for concurrent use.
/// </summary>
/// <remarks>Memory is bounded by the number of different keys, that is of objects.</remarks>
public sealed class WorkQueue<TKey> : IDisposable
    where TKey : notnull
{
    private readonly Lock _gate = new();
    private readonly Queue<TKey> _ready = new();
    private readonly HashSet<TKey> _dirty = [];
    private readonly HashSet<TKey> _processing = [];
    private readonly Dictionary<TKey, int> _failures = [];
    private readonly Dictionary<TKey, long> _due = [];
    private readonly PriorityQueue<TKey, long> _delayed = new();
    private readonly SemaphoreSlim _available = new(0);
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly WorkQueueOptions _options;
    private readonly ITimer _timer;
    private bool _isShutDown;

    public WorkQueue(WorkQueueOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _timer = options.Time.CreateTimer(static queue => ((WorkQueue<TKey>)queue!).AddDue(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Keys that wait for a worker now; delayed ones and those worked on are not counted.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _ready.Count;
        }
    }

    public void Add(TKey key)
    {
        lock (_gate) AddNow(key);
    }

    /// <summary>Adds the key later. Of several delays of one key the earliest counts.</summary>
    public void AddAfter(TKey key, TimeSpan delay)
    {
        lock (_gate)
        {
            if (_isShutDown) return;
            if (delay <= TimeSpan.Zero)
            {
                AddNow(key);
                return;
            }

            var due = _options.Time.GetTimestamp() + (long)(delay.TotalSeconds * _options.Time.TimestampFrequency);
            if (_due.TryGetValue(key, out var earlier) && earlier <= due) return;
            _due[key] = due;
            _delayed.Enqueue(key, due);
            SetTimer();
        }
    }

    /// <summary>Adds a key that failed once more, after its backoff; returns how long that is.</summary>
    /// <param name="atLeast">What the server asked for; the longer of both counts.</param>
    public TimeSpan AddBackoff(TKey key, TimeSpan atLeast = default)
    {
        TimeSpan delay;
        lock (_gate)
        {
            var failures = _failures[key] = _failures.GetValueOrDefault(key) + 1;
            delay = _options.MinBackoff * Math.Pow(2, Math.Min(failures - 1, 30));
        }

        if (delay > _options.MaxBackoff) delay = _options.MaxBackoff;
        if (delay < atLeast) delay = atLeast;
        AddAfter(key, delay);
        return delay;
    }

    /// <summary>Ends the backoff of a key that succeeded.</summary>
    public void Forget(TKey key)
    {
        lock (_gate) _failures.Remove(key);
    }

    /// <summary>
    /// Waits for a key. The caller gives it back with <see cref="Done"/>. None when the queue is shut down and nothing waits.
    /// </summary>
    public async ValueTask<WorkItem<TKey>> TakeAsync(CancellationToken cancellation)
    {
        while (true)
        {
            await _available.WaitAsync(cancellation);
            lock (_gate)
            {
                if (_ready.TryDequeue(out var key))
                {
                    _dirty.Remove(key);
                    _processing.Add(key);
                    return new WorkItem<TKey>(key);
                }

                if (!_isShutDown) continue;
                // Pass the news on to the next who waits.
                _available.Release();
                return default;
            }
        }
    }

    /// <summary>Gives a key back; if it was added meanwhile, it waits again.</summary>
    public void Done(TKey key)
    {
        lock (_gate)
        {
            _processing.Remove(key);
            if (_dirty.Contains(key)) MakeReady(key);
            SettleDrained();
        }
    }

    /// <summary>Takes no more keys. Those that wait are still given out, delayed ones are dropped.</summary>
    public void ShutDown()
    {
        lock (_gate)
        {
            if (_isShutDown) return;
            _isShutDown = true;
            _delayed.Clear();
            _due.Clear();
            _available.Release();
            SettleDrained();
        }
    }

    /// <summary>Ends when the queue is shut down, nothing waits any more and each key was given back.</summary>
    public Task DrainAsync(CancellationToken cancellation) => _drained.Task.WaitAsync(cancellation);

    /// <summary>When nobody takes keys any more.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        _available.Dispose();
    }

    private void AddNow(TKey key)
    {
        if (_isShutDown || !_dirty.Add(key)) return;
        if (!_processing.Contains(key)) MakeReady(key);
    }

    private void MakeReady(TKey key)
    {
        _ready.Enqueue(key);
        _available.Release();
    }

    private void SettleDrained()
    {
        if (_isShutDown && _ready.Count == 0 && _processing.Count == 0) _drained.TrySetResult();
    }

    private void AddDue()
    {
        lock (_gate)
        {
            var now = _options.Time.GetTimestamp();
            while (_delayed.TryPeek(out var key, out var due) && due <= now)
            {
                _delayed.Dequeue();
                // An entry that a shorter delay has overtaken is left in the queue and means nothing.
                if (_due.TryGetValue(key, out var counts) && counts == due)
                {
                    _due.Remove(key);
                    AddNow(key);
                }
            }

            SetTimer();
        }
    }

    private void SetTimer()
    {
        if (!_delayed.TryPeek(out _, out var due)) return;
        var wait = TimeSpan.FromSeconds((due - _options.Time.GetTimestamp()) / (double)_options.Time.TimestampFrequency);
        // Timers count whole milliseconds: rounded up, or it would ring just too early and find nothing due.
        _timer.Change(wait <= TimeSpan.Zero ? TimeSpan.Zero : TimeSpan.FromMilliseconds(Math.Min(Math.Ceiling(wait.TotalMilliseconds), int.MaxValue)), Timeout.InfiniteTimeSpan);
    }
}
