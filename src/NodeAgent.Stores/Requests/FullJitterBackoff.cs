namespace NodeAgent.Stores.Requests;

/// <summary>
/// How long to wait before a further attempt: a draw between zero and a limit that doubles. Of many clients that fail at the
/// same moment, none comes back at the same moment as another.
/// </summary>
internal sealed class FullJitterBackoff(TimeSpan baseDelay, TimeSpan maxDelay, Random random)
{
    /// <param name="failures">Attempts that have failed, from 1.</param>
    public TimeSpan DelayAfter(int failures)
    {
        // 2^30 times any base is beyond every cap; a larger exponent would overflow.
        var limit = Math.Min(maxDelay.TotalSeconds, baseDelay.TotalSeconds * Math.Pow(2, Math.Clamp(failures - 1, 0, 30)));
        double drawn;
        lock (random) drawn = random.NextDouble();
        return TimeSpan.FromSeconds(drawn * limit);
    }
}
