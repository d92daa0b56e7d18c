using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Controller.Work;

/// <summary>One list of a run's volume backups or restores for all who wait for some of them. Safe for concurrent use.</summary>
internal sealed class SharedLook(ClusterClient cluster, LostAgents lost, ControllerOptions options, TimeProvider time)
{
    private readonly Lock _gate = new();
    private Task<Seen> _latest = Task.FromResult(new Seen(0, new Dictionary<string, JsonObject>()));
    private Task<Seen>? _next;
    private long _begunAt;

    /// <summary>All that were seen to have ended, also those that are gone since.</summary>
    public ConcurrentDictionary<string, JsonObject> Ended { get; } = new(StringComparer.Ordinal);

    /// <summary>The objects by name as they were at a moment after the given one. Work of agents that died is ended.</summary>
    /// <exception cref="ApiException">The list was refused.</exception>
    /// <exception cref="HttpRequestException">The server does not answer.</exception>
    public async Task<Seen> BegunAfterAsync(long moment, ResourceKind kind, string selector, RunLog log, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return await Join(moment, kind, selector, log, cancellation).WaitAsync(cancellation);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                // Only who began that list gave it up.
            }
        }
    }

    private Task<Seen> Join(long moment, ResourceKind kind, string selector, RunLog log, CancellationToken cancellation)
    {
        lock (_gate)
        {
            // One that is under way will do, if it began in time and has not failed.
            if (_begunAt > moment && !_latest.IsFaulted && !_latest.IsCanceled) return _latest;
            return _next ??= LookAsync(moment, kind, selector, log, cancellation);
        }
    }

    private async Task<Seen> LookAsync(long moment, ResourceKind kind, string selector, RunLog log, CancellationToken cancellation)
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

        var found = new Dictionary<string, JsonObject>(StringComparer.Ordinal);
        await foreach (var work in cluster.ListAsync(kind, options.Namespace, selector, cancellation)) found[work.Name()] = work;
        foreach (var work in found.Values.Where(PodVolumeWork.IsFinal)) Ended[work.Name()] = work;
        await lost.EndTheirsAsync(kind, [.. found.Values.Where(w => !PodVolumeWork.IsFinal(w))], log, cancellation);
        return new Seen(begun, found);
    }

    /// <param name="BegunAt">Timestamp; what was made before is among the objects.</param>
    /// <param name="Objects">By name.</param>
    public sealed record Seen(long BegunAt, IReadOnlyDictionary<string, JsonObject> Objects);
}
