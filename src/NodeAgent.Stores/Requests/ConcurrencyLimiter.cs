namespace NodeAgent.Stores.Requests;

/// <summary>
/// How many requests may be under way at once: one more after each round of successes, half as many when the endpoint asks
/// to slow down (additive increase, multiplicative decrease). Those who wait are served in order.
/// </summary>
internal sealed class ConcurrencyLimiter
{
    private readonly int _maximum;
    private readonly Lock _lock = new();
    private readonly LinkedList<TaskCompletionSource> _waiting = new();
    private double _limit;
    private int _running;
    private long _admissions;
    private long _decreasedAt;

    public ConcurrencyLimiter(int maximum)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maximum, 1);
        _maximum = maximum;
        _limit = maximum;
    }

    /// <summary>Requests that may be under way now.</summary>
    public int Limit
    {
        get
        {
            lock (_lock) return (int)_limit;
        }
    }

    /// <summary>Waits for a place. The caller gives it back by <see cref="Release"/>.</summary>
    /// <returns>The number of the admission.</returns>
    public async ValueTask<long> AcquireAsync(CancellationToken cancellationToken)
    {
        LinkedListNode<TaskCompletionSource> place;
        lock (_lock)
        {
            if (_running < (int)_limit && _waiting.Count == 0)
            {
                _running++;
                return ++_admissions;
            }

            place = _waiting.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        using (cancellationToken.UnsafeRegister(_ => Abandon(place, cancellationToken), null))
            await place.Value.Task;
        lock (_lock) return ++_admissions;
    }

    /// <param name="admission">What <see cref="AcquireAsync"/> gave.</param>
    /// <param name="outcome">What the request came to.</param>
    public void Release(long admission, RequestOutcome outcome)
    {
        lock (_lock)
        {
            _running--;
            if (outcome == RequestOutcome.Succeeded) _limit = Math.Min(_maximum, _limit + 1 / _limit);
            // Requests that were under way together are refused together; they are one sign, not many.
            else if (outcome == RequestOutcome.Throttled && admission > _decreasedAt)
            {
                _limit = Math.Max(1, _limit / 2);
                _decreasedAt = _admissions;
            }

            while (_running < (int)_limit && _waiting.First is { } next)
            {
                _waiting.RemoveFirst();
                _running++;
                next.Value.SetResult();
            }
        }
    }

    private void Abandon(LinkedListNode<TaskCompletionSource> place, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            // Not in the list any more: it was admitted just now, and its request will see the cancellation itself.
            if (place.List is null) return;
            _waiting.Remove(place);
            place.Value.SetCanceled(cancellationToken);
        }
    }
}
