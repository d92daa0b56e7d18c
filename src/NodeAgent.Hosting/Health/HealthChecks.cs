namespace NodeAgent.Hosting.Health;

/// <summary>
/// What is looked at when the kubelet asks. Alive: the process can still do its work; when not, it is started anew. Ready: it does
/// its work now. Safe for concurrent use.
/// </summary>
public sealed class HealthChecks(TimeProvider time)
{
    // Probes give up after a second by default; a check that hangs must still be named in the answer to a patient one.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly List<KeyValuePair<string, HealthCheck>> _liveness = [];
    private readonly List<KeyValuePair<string, HealthCheck>> _readiness = [];

    public void AddLiveness(string name, HealthCheck check)
    {
        lock (_gate) _liveness.Add(new(name, check));
    }

    public void AddReadiness(string name, HealthCheck check)
    {
        lock (_gate) _readiness.Add(new(name, check));
    }

    /// <summary>Adds a loop to what must be alive: it has to beat at least once within the limit.</summary>
    public Heartbeat AddHeartbeat(string name, TimeSpan limit)
    {
        var heartbeat = new Heartbeat(time, limit);
        AddLiveness(name, _ => new(heartbeat.Check()));
        return heartbeat;
    }

    public Task<HealthReport> CheckLivenessAsync(CancellationToken cancellation) => CheckAsync(_liveness, cancellation);

    public Task<HealthReport> CheckReadinessAsync(CancellationToken cancellation) => CheckAsync(_readiness, cancellation);

    private async Task<HealthReport> CheckAsync(List<KeyValuePair<string, HealthCheck>> checks, CancellationToken cancellation)
    {
        KeyValuePair<string, HealthCheck>[] asked;
        lock (_gate) asked = [.. checks];
        var results = await Task.WhenAll(asked.Select(c => CheckAsync(c.Value, cancellation)));
        return new HealthReport([.. asked.Zip(results, (check, problem) => new KeyValuePair<string, string?>(check.Key, problem))]);
    }

    private async Task<string?> CheckAsync(HealthCheck check, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, limit.Token);
        try
        {
            // A check that ignores its token is left behind, not waited for.
            return await check(either.Token).AsTask().WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            return $"no answer within {Patience.TotalSeconds:0} s";
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // The top of a check: one that breaks is one that fails.
            return $"{e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}";
        }
    }
}
