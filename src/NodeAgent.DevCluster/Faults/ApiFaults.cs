using NodeAgent.DevCluster.Storage;

namespace NodeAgent.DevCluster.Faults;

/// <summary>Switches that make the API server misbehave on purpose. Safe to use while requests run.</summary>
public sealed class ApiFaults : IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<FaultRule> _rules = [];
    private readonly ObjectStore _store;
    private CancellationTokenSource _watches = new();

    internal ApiFaults(ObjectStore store) => _store = store;

    /// <summary>While true, connections are closed without an answer, as by a server that is not there. Open watches stay; see <see cref="DropWatches"/>.</summary>
    public bool RefuseConnections { get; set; }

    /// <summary>Answers the next <paramref name="count"/> matching requests with an error Status (410, 429, 500, 503…); 429 carries Retry-After: 1.</summary>
    public void FailNext(int count, int statusCode, Func<ApiRequest, bool>? match = null)
    {
        lock (_gate)
            _rules.Add(new FaultRule(match ?? (_ => true)) { Left = count, StatusCode = statusCode });
    }

    /// <summary>Delays matching requests until <see cref="Clear"/>.</summary>
    public void Delay(TimeSpan delay, Func<ApiRequest, bool>? match = null)
    {
        lock (_gate)
            _rules.Add(new FaultRule(match ?? (_ => true)) { Left = int.MaxValue, Delay = delay });
    }

    /// <summary>Breaks off every open watch, without a last event.</summary>
    public void DropWatches()
    {
        CancellationTokenSource dropped;
        lock (_gate)
        {
            dropped = _watches;
            _watches = new CancellationTokenSource();
        }
        dropped.Cancel();
        dropped.Dispose();
    }

    /// <summary>Forgets the history of changes: watches from an older resourceVersion, and continue tokens, get 410 Expired.</summary>
    public void ExpireHistory() => _store.Compact();

    /// <summary>Ends all faults that are still to come.</summary>
    public void Clear()
    {
        RefuseConnections = false;
        lock (_gate)
            _rules.Clear();
    }

    /// <summary>Called by the cluster; what is switched on stays so for requests under way.</summary>
    public void Dispose() => _watches.Dispose();

    internal CancellationToken WatchesDropped
    {
        get
        {
            lock (_gate)
                return _watches.Token;
        }
    }

    /// <summary>The status to answer with instead of serving (0 for none), and how long to wait first.</summary>
    internal (int StatusCode, TimeSpan Delay) Next(ApiRequest request)
    {
        lock (_gate)
        {
            var delay = TimeSpan.Zero;
            for (var i = 0; i < _rules.Count; i++)
            {
                var rule = _rules[i];
                if (!rule.Match(request))
                    continue;
                if (rule.StatusCode == 0)
                {
                    delay = rule.Delay;
                    continue;
                }
                if (--rule.Left == 0)
                    _rules.RemoveAt(i);
                return (rule.StatusCode, delay);
            }
            return (0, delay);
        }
    }
}
