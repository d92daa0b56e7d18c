namespace NodeAgent.Agent.Volumes;

/// <summary>
/// Repositories that stay open between runs, one for each location, so that opening them and reading their index is not done, and paid for in memory, for each
/// volume:
/// 1. a run takes the one that is open, if that is what it would open itself now;
/// 2. if not, the run opens its own, which then is the location's; the former one is closed by the last run that uses it;
/// 3. one that no run has used for a while is closed.
/// One that met damage is closed by its last run. Thread-safe.
/// </summary>
/// <param name="idle">How long one stays open that nobody uses.</param>
/// <param name="time">The clock.</param>
internal sealed class RepositoryKeep(TimeSpan idle, TimeProvider time) : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, KeptRepository> _kept = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SemaphoreSlim> _turns = new(StringComparer.Ordinal);
    private bool _isOver;

    /// <summary>Takes a location's repository. Of runs that come at once, one opens it and the others wait for that.</summary>
    /// <param name="location">The location's name.</param>
    /// <param name="identity">What it would be opened with now. Another one is never given.</param>
    /// <param name="isCurrent">Whether the store still has what was opened.</param>
    /// <param name="open">Opens it.</param>
    /// <param name="cancellation">Stops the wait.</param>
    public async Task<RepositoryLease> TakeAsync(string location, string identity, Func<KeptRepository, Task<bool>> isCurrent, Func<Task<KeptRepository>> open, CancellationToken cancellation)
    {
        var turn = TurnOf(location);
        await turn.WaitAsync(cancellation);
        try
        {
            if (Hold(location) is { } kept)
            {
                // Given back whatever the answer is, unless it is a yes.
                var lease = new RepositoryLease(this, kept);
                var isGiven = false;
                try
                {
                    // A damaged one is what it was when the damage was met, even when it has been mended since.
                    isGiven = kept.Identity == identity && !kept.Repository.HasMetDamage && await isCurrent(kept);
                    if (isGiven) return lease;
                    lock (_gate) _kept.Remove(location);
                }
                finally
                {
                    if (!isGiven) await lease.DisposeAsync();
                }
            }

            var opened = await open();
            lock (_gate)
            {
                opened.Users++;
                if (!_isOver) _kept[location] = opened;
            }

            return new RepositoryLease(this, opened);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Ends a run's use.</summary>
    internal async ValueTask GiveBackAsync(KeptRepository kept)
    {
        lock (_gate)
        {
            if (--kept.Users > 0) return;
            if (IsKept(kept))
            {
                if (idle > TimeSpan.Zero && kept.State is not null && !kept.Repository.HasMetDamage)
                {
                    kept.Idle = time.CreateTimer(_ => Close(kept), null, idle, Timeout.InfiniteTimeSpan);
                    return;
                }

                _kept.Remove(kept.Location);
            }
        }

        await kept.Repository.DisposeAsync();
    }

    /// <summary>Closes what nobody uses; the rest is closed as it is given back.</summary>
    public async ValueTask DisposeAsync()
    {
        List<KeptRepository> unused;
        lock (_gate)
        {
            _isOver = true;
            unused = [.. _kept.Values.Where(k => k.Users == 0)];
            foreach (var kept in unused) kept.Idle?.Dispose();
            _kept.Clear();
        }

        foreach (var kept in unused) await kept.Repository.DisposeAsync();
    }

    /// <summary>Takes what is open, so that it cannot be closed meanwhile.</summary>
    private KeptRepository? Hold(string location)
    {
        lock (_gate)
        {
            if (!_kept.TryGetValue(location, out var kept)) return null;
            kept.Users++;
            kept.Idle?.Dispose();
            kept.Idle = null;
            return kept;
        }
    }

    private void Close(KeptRepository kept)
    {
        lock (_gate)
        {
            // A run was quicker, or it is not the location's any more.
            if (kept.Users > 0 || !IsKept(kept)) return;
            kept.Idle?.Dispose();
            _kept.Remove(kept.Location);
        }

        // Nobody waits for it: a timer cannot, and the next run opens its own.
        _ = kept.Repository.DisposeAsync().AsTask();
    }

    private bool IsKept(KeptRepository kept) => _kept.TryGetValue(kept.Location, out var found) && found == kept;

    private SemaphoreSlim TurnOf(string location)
    {
        lock (_gate)
        {
            if (!_turns.TryGetValue(location, out var turn)) _turns[location] = turn = new SemaphoreSlim(1);
            return turn;
        }
    }
}
