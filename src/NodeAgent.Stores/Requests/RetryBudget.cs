namespace NodeAgent.Stores.Requests;

/// <summary>
/// How many retries all requests of a store may make together: a tenth of what succeeds, and one in two seconds in any case.
/// When everything fails, the load on the endpoint shrinks to that trickle instead of multiplying.
/// </summary>
internal sealed class RetryBudget
{
    internal const double PerSuccess = 0.1;
    internal const double PerSecond = 0.5;
    internal const double Capacity = 50;
    internal const double Initial = 10;

    /// <summary>Waiting retries are at most half a minute in debt; later ones wait no longer than that.</summary>
    internal const double MaxDebt = 15;

    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private double _tokens = Initial;
    private long _refilled;

    public RetryBudget(TimeProvider time)
    {
        _time = time;
        _refilled = time.GetTimestamp();
    }

    public void AddSuccess()
    {
        lock (_lock) _tokens = Math.Min(Capacity, _tokens + PerSuccess);
    }

    /// <summary>Takes the right to one retry.</summary>
    /// <returns>How long to wait until it is within the budget.</returns>
    public TimeSpan Take()
    {
        lock (_lock)
        {
            var now = _time.GetTimestamp();
            _tokens = Math.Min(Capacity, _tokens + _time.GetElapsedTime(_refilled, now).TotalSeconds * PerSecond);
            _refilled = now;
            _tokens = Math.Max(-MaxDebt, _tokens - 1);
            return _tokens >= 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(-_tokens / PerSecond);
        }
    }
}
