namespace NodeAgent.Cli.Progress;

/// <summary>
/// Bytes a second over about the last fifteen seconds, and from it the time left. A mean over the whole run would promise
/// for minutes what a first stretch of unchanged files suggested.
/// </summary>
internal sealed class RateEstimator
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(15);
    private readonly Queue<(TimeSpan At, long Bytes)> _samples = new();
    private (TimeSpan At, long Bytes) _latest;

    public void Add(TimeSpan at, long bytes)
    {
        // Another part of the run began.
        if (bytes < _latest.Bytes)
            _samples.Clear();
        _latest = (at, bytes);
        _samples.Enqueue(_latest);
        // The oldest sample inside the window is kept together with one before it, so that there is always a span.
        while (_samples.Count > 2 && at - _samples.Peek().At > Window)
            _samples.Dequeue();
    }

    public double BytesPerSecond
    {
        get
        {
            if (_samples.Count == 0)
                return 0;
            var (at, bytes) = _samples.Peek();
            var seconds = (_latest.At - at).TotalSeconds;
            return seconds < 0.2 ? 0 : Math.Max(0, (_latest.Bytes - bytes) / seconds);
        }
    }

    /// <summary>Null while there is no rate to go by.</summary>
    public TimeSpan? TimeLeft(long total)
    {
        var rate = BytesPerSecond;
        if (rate < 1 || total < _latest.Bytes)
            return null;
        var seconds = (total - _latest.Bytes) / rate;
        return seconds > TimeSpan.FromDays(30).TotalSeconds ? null : TimeSpan.FromSeconds(seconds);
    }
}
