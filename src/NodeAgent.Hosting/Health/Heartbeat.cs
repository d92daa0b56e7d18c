namespace NodeAgent.Hosting.Health;

/// <summary>A loop that shows that it advances. Safe for concurrent use.</summary>
public sealed class Heartbeat
{
    private readonly TimeProvider _time;
    private readonly TimeSpan _limit;
    private long _last;

    internal Heartbeat(TimeProvider time, TimeSpan limit)
    {
        (_time, _limit) = (time, limit);
        Beat();
    }

    public void Beat() => Volatile.Write(ref _last, _time.GetTimestamp());

    internal string? Check()
    {
        var silent = _time.GetElapsedTime(Volatile.Read(ref _last));
        return silent <= _limit ? null : $"no progress for {silent.TotalSeconds:0} s, the limit is {_limit.TotalSeconds:0} s";
    }
}
