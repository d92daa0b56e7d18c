using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;

namespace NodeAgent.Controller.Work;

/// <summary>The object of a backup or restore, to its run: what it reads of it and tells it. When it is gone, there is nothing to work for any more.</summary>
internal sealed class RunObject(ClusterClient cluster, ResourceKind kind, JsonObject item, ControllerOptions options, ControllerServices services)
{
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(1);

    private long _lastProgress;

    private string Noun => kind.Kind.ToLowerInvariant();

    /// <exception cref="RunObjectDeletedException">It is gone; likewise below.</exception>
    public async Task<JsonObject> ReadAsync(CancellationToken cancellation) =>
        await OutlastAsync(() => cluster.GetAsync(kind, options.Namespace, item.Name(), cancellation), cancellation) ?? throw Deleted();

    public Task PatchAsync(JsonObject patch, CancellationToken cancellation) =>
        OutlastAsync(() => cluster.PatchAsync(kind, options.Namespace, item.Name(), patch, null, cancellation), cancellation);

    public async Task SetStatusAsync(JsonObject status, CancellationToken cancellation)
    {
        // Work of hours is not given up for a server that is away for minutes.
        if (!await OutlastAsync(() => cluster.PatchStatusAsync(kind, options.Namespace, item.Name(), status, cancellation), cancellation)) throw Deleted();
    }

    /// <summary>Tells how far the run is, if it has not done so a moment ago.</summary>
    public async Task ReportAsync(JsonObject progress, bool always, CancellationToken cancellation)
    {
        var last = Volatile.Read(ref _lastProgress);
        if (!always && last != 0 && services.Time.GetElapsedTime(last) < ProgressInterval) return;
        // Of blocks that report at the same moment one does.
        if (Interlocked.CompareExchange(ref _lastProgress, services.Time.GetTimestamp(), last) != last && !always) return;
        try
        {
            if (!await cluster.PatchStatusAsync(kind, options.Namespace, item.Name(), new JsonObject { ["progress"] = progress }, cancellation)) throw Deleted();
        }
        catch (Exception e) when (Outage.IsCauseOf(e))
        {
            // The next report says more than this one.
        }
    }

    private Task<T> OutlastAsync<T>(Func<Task<T>> request, CancellationToken cancellation) =>
        Outage.OutlastAsync(request, PodVolumeWork.TimeoutOf(item, options), services.Time, reason => services.Log.Waiting(Noun, item.Name(), reason), cancellation);

    private RunObjectDeletedException Deleted() => new($"the {kind.Kind} object {options.Namespace}/{item.Name()} was deleted while the {Noun} ran");
}
