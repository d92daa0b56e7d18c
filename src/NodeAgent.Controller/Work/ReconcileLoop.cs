using System.Text.Json.Nodes;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Controller.Work;

/// <summary>
/// Calls a reconciler for every object of one kind: when it changes, when the reconciler asked to be called again, and each
/// resync period. The reconciler gets the object as it is now and one call at a time. A failing object is tried again
/// after 1 s, 2 s, and so on up to a minute, and holds up no other.
/// </summary>
internal sealed class ReconcileLoop(
    ClusterClient cluster, ResourceKind kind, ControllerOptions options, Func<JsonObject, CancellationToken, Task<TimeSpan?>> reconcile, ILogger log)
{
    private static readonly TimeSpan WatchRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxBackoff = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, DateTimeOffset> _due = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _failures = new(StringComparer.Ordinal);

    /// <summary>Told the number of objects at each resync.</summary>
    public Action<int>? Listed { get; init; }

    public async Task RunAsync(TimeProvider time, CancellationToken cancellation)
    {
        // Names only, so 4096 of them cost little; a full channel makes the watch wait.
        var changes = Channel.CreateBounded<string>(4096);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var watch = WatchAsync(changes.Writer, stop.Token);
        try
        {
            var resync = DateTimeOffset.MinValue;
            while (!cancellation.IsCancellationRequested)
            {
                if (time.GetUtcNow() >= resync)
                {
                    resync = time.GetUtcNow() + options.ResyncPeriod;
                    await ListAllAsync(time.GetUtcNow(), cancellation);
                }

                while (changes.Reader.TryRead(out var changed)) _due[changed] = time.GetUtcNow();
                var now = time.GetUtcNow();
                foreach (var name in _due.Where(d => d.Value <= now).Select(d => d.Key).ToList())
                {
                    _due.Remove(name);
                    await ReconcileOneAsync(name, time, cancellation);
                }

                var next = _due.Count == 0 ? resync : _due.Values.Min();
                if (next > resync) next = resync;
                await WaitAsync(changes.Reader, next - time.GetUtcNow(), time, cancellation);
            }
        }
        finally
        {
            await stop.CancelAsync();
            await watch;
        }
    }

    private static async Task WaitAsync(ChannelReader<string> changes, TimeSpan delay, TimeProvider time, CancellationToken cancellation)
    {
        if (delay <= TimeSpan.Zero) return;
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var change = changes.WaitToReadAsync(timer.Token).AsTask();
        await Task.WhenAny(change, Task.Delay(delay, time, timer.Token));
        await timer.CancelAsync();
        cancellation.ThrowIfCancellationRequested();
    }

    private async Task ListAllAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        try
        {
            var names = new HashSet<string>(StringComparer.Ordinal);
            await foreach (var item in cluster.ListAsync(kind, options.Namespace, null, cancellation)) names.Add(item.Name());
            foreach (var name in names) _due[name] = now;
            Listed?.Invoke(names.Count);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException or System.Text.Json.JsonException)
        {
            log.ListFailed(kind.Plural, e.Message);
        }
    }

    private async Task ReconcileOneAsync(string name, TimeProvider time, CancellationToken cancellation)
    {
        try
        {
            var item = await cluster.GetAsync(kind, options.Namespace, name, cancellation);
            var again = item is null ? null : await reconcile(item, cancellation);
            _failures.Remove(name);
            if (again is { } delay) _due[name] = time.GetUtcNow() + delay;
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellation.IsCancellationRequested)
        {
            // The top of a worker: whatever one object brings about must not stop the work on the others.
            var failures = _failures[name] = _failures.GetValueOrDefault(name) + 1;
            var delay = TimeSpan.FromSeconds(Math.Min(MaxBackoff.TotalSeconds, Math.Pow(2, Math.Min(failures - 1, 10))));
            _due[name] = time.GetUtcNow() + delay;
            log.ReconcileFailed(kind.Plural, name, delay.TotalSeconds, e);
        }
    }

    private async Task WatchAsync(ChannelWriter<string> changes, CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                await foreach (var name in cluster.WatchNamesAsync(kind, options.Namespace, cancellation)) await changes.WriteAsync(name, cancellation);
                await Task.Delay(WatchRetry, cancellation);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is ApiException or HttpRequestException or IOException or System.Text.Json.JsonException)
            {
                log.WatchFailed(kind.Plural, e.Message);
                try
                {
                    await Task.Delay(WatchRetry, cancellation);
                }
                catch (OperationCanceledException)
                {
                    return;
                }
            }
        }
    }
}
