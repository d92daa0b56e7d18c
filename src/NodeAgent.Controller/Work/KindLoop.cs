using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Queues;
using NodeAgent.Kubernetes.Watching;

namespace NodeAgent.Controller.Work;

/// <summary>
/// Calls a reconciler for every object of one kind: when it changes, when the reconciler asked to be called again, and each
/// resync period. The reconciler gets a copy of the object as the cache has it, and one call at a time. A failing object is
/// tried again after 1 s, 2 s, and so on up to a minute, and holds up no other.
/// </summary>
internal sealed class KindLoop(
    ApiClient api, ResourceKind kind, ControllerOptions options, Func<JsonObject, CancellationToken, Task<TimeSpan?>> reconcile, ILogger log)
{
    private static readonly TimeSpan MaxBackoff = TimeSpan.FromMinutes(1);

    /// <summary>No call takes so long: runs work in the background, and what is deleted goes on where it was when it is called again.</summary>
    private static readonly TimeSpan MaxCall = TimeSpan.FromHours(1);

    // When the call that is under way began; 0 when there is none.
    private long _busySince;

    /// <summary>Told the names of the objects at each resync.</summary>
    public Action<IReadOnlyCollection<string>>? Listed { get; init; }

    /// <summary>Told of each resync, unless a call hangs.</summary>
    public Action? Progress { get; init; }

    /// <summary>Works until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var queue = new WorkQueue<NamespacedName>(new WorkQueueOptions { Time = api.Time, MaxBackoff = MaxBackoff });
        var objects = Informer.Of(api, kind, new InformerOptions { Namespace = options.Namespace, Log = log });
        objects.AddHandler(change => queue.Add(change.Key));
        var loop = new ReconcileLoop<NamespacedName>(kind.Kind, queue, (key, token) => ReconcileAsync(objects.Get(key), token), workers: 1, log);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task[] tasks = [objects.RunAsync(stop.Token), ResyncAsync(objects, queue, stop.Token), loop.RunAsync(stop.Token)];
        try
        {
            await await Task.WhenAny(tasks);
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(tasks).ContinueWith(static _ => { }, TaskScheduler.Default);
        }
    }

    private async Task<ReconcileResult> ReconcileAsync(KubernetesObject? item, CancellationToken cancellation)
    {
        if (item is null) return ReconcileResult.Done;
        Volatile.Write(ref _busySince, Math.Max(1, api.Time.GetTimestamp()));
        try
        {
            return await reconcile(item.DeepClone().Json, cancellation) is { } again ? ReconcileResult.After(again) : ReconcileResult.Done;
        }
        finally
        {
            Volatile.Write(ref _busySince, 0);
        }
    }

    private bool Hangs => Volatile.Read(ref _busySince) is > 0 and var since && api.Time.GetElapsedTime(since) > MaxCall;

    private async Task ResyncAsync(Informer<KubernetesObject> objects, WorkQueue<NamespacedName> queue, CancellationToken cancellation)
    {
        await objects.WaitForSyncAsync(cancellation);
        while (true)
        {
            var all = objects.List();
            foreach (var item in all) queue.Add(item.Key);
            Listed?.Invoke([.. all.Select(item => item.Key.Name)]);
            if (!Hangs) Progress?.Invoke();
            await Task.Delay(options.ResyncPeriod, api.Time, cancellation);
        }
    }
}
