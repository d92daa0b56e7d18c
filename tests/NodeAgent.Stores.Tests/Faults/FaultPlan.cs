namespace NodeAgent.Stores.Tests.Faults;

/// <summary>
/// Which requests meet which fault: one at random in each run of as many requests, so that a rate is kept and no luck of the
/// draw makes a run without faults.
/// </summary>
/// <param name="random">Places and kinds; its seed repeats them as far as requests come in the same order.</param>
/// <param name="every">One fault in so many requests.</param>
/// <param name="kinds">Taken in turn.</param>
internal sealed class FaultPlan(Random random, int every, params FaultKind[] kinds)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<FaultKind, int> _injected = [];
    private int _seen;
    private int _hit = random.Next(every);
    private int _turn = random.Next(kinds.Length);

    /// <summary>Requests that faults may happen to; all when null.</summary>
    public Func<ProxiedRequest, bool>? Applies { get; init; }

    public int Injected
    {
        get
        {
            lock (_lock) return _injected.Values.Sum();
        }
    }

    public int Count(FaultKind kind)
    {
        lock (_lock) return _injected.GetValueOrDefault(kind);
    }

    public FaultKind Next(ProxiedRequest request)
    {
        if (Applies is not null && !Applies(request)) return FaultKind.None;
        lock (_lock)
        {
            var index = _seen++ % every;
            if (index != _hit)
            {
                if (index == every - 1) _hit = random.Next(every);
                return FaultKind.None;
            }

            if (index == every - 1) _hit = random.Next(every);
            return kinds[_turn++ % kinds.Length];
        }
    }

    /// <summary>Told by the proxy when it did it: some faults are impossible for some requests.</summary>
    public void Note(FaultKind kind)
    {
        lock (_lock) _injected[kind] = _injected.GetValueOrDefault(kind) + 1;
    }

    public override string ToString()
    {
        lock (_lock) return string.Join(", ", _injected.OrderBy(i => i.Key).Select(i => $"{i.Value} {i.Key}"));
    }
}
