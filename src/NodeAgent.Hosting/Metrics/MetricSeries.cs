namespace NodeAgent.Hosting.Metrics;

/// <summary>The numbers behind one set of labels. Safe for concurrent use.</summary>
internal sealed class MetricSeries(IReadOnlyList<double> bounds)
{
    private readonly Lock _gate = new();
    private readonly long[] _buckets = new long[bounds.Count];
    private double _value;
    private long _count;

    public void Add(double value)
    {
        lock (_gate) _value += value;
    }

    public void Set(double value)
    {
        lock (_gate) _value = value;
    }

    public void Observe(double value)
    {
        // A value that is no number is in no bucket and would make the sum useless for ever.
        if (double.IsNaN(value)) return;
        lock (_gate)
        {
            _count++;
            _value += value;
            for (var i = 0; i < _buckets.Length; i++)
            {
                if (value > bounds[i]) continue;
                _buckets[i]++;
                break;
            }
        }
    }

    /// <summary>Value or sum, number of observations, and how many of them each bucket has for itself.</summary>
    public (double Value, long Count, long[] Buckets) Read()
    {
        lock (_gate) return (_value, _count, [.. _buckets]);
    }
}
