namespace NodeAgent.Repository.Sessions;

/// <summary>
/// The level that chunks are compressed with. It is the one that was asked for, and rises while the store takes less than the processors could bring: then time spent on compression costs
/// nothing, and what is smaller is sent sooner and kept for less. It falls again when chunks no longer wait for the store, or when the processors have other work. Thread-safe.
/// </summary>
/// <param name="level">What was asked for: never less, and no more where it is <see cref="Highest"/> or above.</param>
/// <param name="time">Measures how long chunks waited.</param>
/// <param name="idle">Share of the processors, 0 to 1, that had nothing to do since it was last called; null where that is not known.</param>
internal sealed class CompressionPace(int level, TimeProvider time, Func<double?> idle)
{
    /// <summary>A context of level 7 has 6 MiB for a chunk of 2 MiB. The next levels have 12 and 24, which is too much beside each worker's other memory.</summary>
    public const int Highest = 7;

    /// <summary>Share of the time that chunks wait for the store, from which it is the store that holds them up.</summary>
    private const double HeldUp = 0.5;

    /// <summary>Below it is not the store.</summary>
    private const double HardlyHeldUp = 0.1;

    /// <summary>Share of the processors that has to be idle: a step of the level takes up to twice the time.</summary>
    private const double Spare = 0.25;

    /// <summary>Below somebody else needs them.</summary>
    private const double Busy = 0.05;

    /// <summary>Between two looks. A pack on a slow line takes about as long.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private int _above;
    private long _begun = time.GetTimestamp();
    private long _since;
    private int _waiting;
    private TimeSpan _waited;

    /// <summary>A chunk begins to wait for the store.</summary>
    public void BeginWait()
    {
        lock (_gate)
        {
            if (_waiting++ == 0) _since = time.GetTimestamp();
        }
    }

    /// <summary>It goes on.</summary>
    public void EndWait()
    {
        lock (_gate)
        {
            if (--_waiting == 0) _waited += time.GetElapsedTime(_since);
        }
    }

    /// <summary>The level for the next chunk.</summary>
    public int Next()
    {
        if (level >= Highest) return level;
        if (time.GetElapsedTime(Volatile.Read(ref _begun)) < Interval) return level + Volatile.Read(ref _above);
        lock (_gate)
        {
            var now = time.GetTimestamp();
            var passed = time.GetElapsedTime(_begun, now);
            // Another thread was here first.
            if (passed < Interval) return level + _above;
            if (_waiting > 0)
            {
                _waited += time.GetElapsedTime(_since, now);
                _since = now;
            }

            var share = _waited / passed;
            _waited = TimeSpan.Zero;
            Volatile.Write(ref _begun, now);
            if (idle() is not { } spare) return level + _above;
            if (share >= HeldUp && spare >= Spare) _above = Math.Min(_above + 1, Highest - level);
            else if (share < HardlyHeldUp || spare < Busy) _above = Math.Max(_above - 1, 0);
            return level + _above;
        }
    }
}
