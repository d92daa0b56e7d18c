using System.Text.Json.Nodes;

namespace NodeAgent.Controller.Work;

/// <summary>One list of a run's objects for all who wait for some of them. Safe for concurrent use.</summary>
/// <param name="look">Lists the objects, by whatever names they are known by those who wait.</param>
/// <param name="time">The clock.</param>
internal sealed class SharedLook(Func<CancellationToken, Task<IReadOnlyDictionary<string, JsonObject>>> look, TimeProvider time)
{
    private readonly Lock _gate = new();
    private Task<Seen> _latest = Task.FromResult(new Seen(0, new Dictionary<string, JsonObject>()));
    private Task<Seen>? _next;
    private long _begunAt;

    /// <summary>The objects as they were at a moment after the given one, and that moment. Fails as the look does.</summary>
    public async Task<Seen> BegunAfterAsync(long moment, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return await Join(moment, cancellation).WaitAsync(cancellation);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                // Only who began that look gave it up.
            }
        }
    }

    private Task<Seen> Join(long moment, CancellationToken cancellation)
    {
        lock (_gate)
        {
            // One that is under way will do, if it began in time and has not failed.
            if (_begunAt > moment && !_latest.IsFaulted && !_latest.IsCanceled) return _latest;
            return _next ??= LookAsync(moment, cancellation);
        }
    }

    private async Task<Seen> LookAsync(long moment, CancellationToken cancellation)
    {
        // Not in the hands of the one who holds the lock; and one after the other.
        await Task.Yield();
        await ((Task)_latest).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        long begun;
        lock (_gate)
        {
            // Also on a clock that stands still, as in tests, the next look is another.
            begun = _begunAt = Math.Max(time.GetTimestamp(), moment + 1);
            (_latest, _next) = (_next!, null);
        }

        return new Seen(begun, await look(cancellation));
    }

    /// <param name="BegunAt">Timestamp; what was made before is among the objects.</param>
    /// <param name="Objects">By name.</param>
    public sealed record Seen(long BegunAt, IReadOnlyDictionary<string, JsonObject> Objects);
}
