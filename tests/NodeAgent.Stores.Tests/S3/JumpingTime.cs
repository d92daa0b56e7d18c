namespace NodeAgent.Stores.Tests.S3;

/// <summary>A clock that stands still, and jumps to the end of each wait as soon as it begins.</summary>
internal sealed class JumpingTime : TimeProvider
{
    private readonly DateTimeOffset _start = new(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);
    private readonly Lock _lock = new();
    private readonly List<TimeSpan> _waits = [];
    private TimeSpan _passed;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public TimeSpan Passed
    {
        get
        {
            lock (_lock) return _passed;
        }
    }

    public IReadOnlyList<TimeSpan> Waits
    {
        get
        {
            lock (_lock) return [.. _waits];
        }
    }

    public void Advance(TimeSpan by)
    {
        lock (_lock) _passed += by;
    }

    public override DateTimeOffset GetUtcNow() => _start + Passed;

    public override long GetTimestamp() => Passed.Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        lock (_lock)
        {
            _waits.Add(dueTime);
            _passed += dueTime;
        }

        return new Timer(callback, state, TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }
}
