using System.Text.Json.Nodes;

namespace NodeAgent.Controller.Cluster;

/// <summary>
/// Carries the requests of one run through outages of the API server, since an hour's work is not to lose the objects whose turn came while the
/// server was restarted. An outage is one of the server: while a plain question is answered, what fails all the same, as behind a broken
/// admission webhook, is tried a few times and then given up. Safe for concurrent use.
/// </summary>
internal sealed class Endurance
{
    private const int TriesOfAWellServer = 3;

    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(15);

    private readonly Lock _gate = new();
    private long? _outageSince;

    /// <summary>The plain question, which fails while the server is out of order.</summary>
    public required Func<CancellationToken, Task> Ask { get; init; }

    /// <summary>How long one outage may last. What is asked for after that fails at once until the server is back.</summary>
    public required TimeSpan Patience { get; init; }

    public required TimeProvider Time { get; init; }

    /// <summary>Told once for each outage, why requests wait.</summary>
    public required Action<string> Noticed { get; init; }

    /// <summary>Whether an object of the cluster is one that this run has created, in case that the answer to its creation was lost.</summary>
    public required Func<JsonObject, bool> IsOwn { get; init; }

    /// <summary>Makes a request that does no harm when it is made twice.</summary>
    public async Task<T> CarryAsync<T>(Func<Task<T>> request, CancellationToken cancellation)
    {
        var refusals = 0;
        for (var wait = FirstWait; ; wait = wait * 2 < LongestWait ? wait * 2 : LongestWait)
        {
            try
            {
                var answer = await request();
                End();
                return answer;
            }
            catch (Exception e) when (Outage.IsCauseOf(e))
            {
                if (await IsWellAsync(cancellation))
                {
                    End();
                    if (++refusals >= TriesOfAWellServer) throw;
                }
                else if (!GoesOn(e))
                {
                    throw;
                }
            }

            await Task.Delay(wait, Time, cancellation);
        }
    }

    private async Task<bool> IsWellAsync(CancellationToken cancellation)
    {
        try
        {
            await Ask(cancellation);
            return true;
        }
        catch (Exception e) when (Outage.IsCauseOf(e))
        {
            return false;
        }
    }

    private void End()
    {
        lock (_gate) _outageSince = null;
    }

    /// <summary>False when the outage has lasted for too long.</summary>
    private bool GoesOn(Exception cause)
    {
        lock (_gate)
        {
            if (_outageSince is { } since) return Time.GetElapsedTime(since) < Patience;
            _outageSince = Time.GetTimestamp();
        }

        Noticed($"the API server does not answer as it should, which is waited out: {cause.Message}");
        return true;
    }
}
