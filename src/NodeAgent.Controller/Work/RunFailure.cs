using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Work;

/// <summary>Writes into the objects of backups or restores that their runs failed.</summary>
internal sealed class RunFailure(ClusterClient cluster, ResourceKind kind, ControllerOptions options, ControllerServices services)
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(10);

    /// <summary>Writes it for as long as the run itself might have taken. That it cannot is logged: whoever looks at the object next finds it in progress and ends it.</summary>
    /// <param name="item">The object.</param>
    /// <param name="reason">For people.</param>
    /// <param name="cancellation">The process is stopping. It is not used then; the time is bounded instead.</param>
    public async Task TryWriteAsync(JsonObject item, string reason, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(StopLimit, services.Time);
        var token = cancellation.IsCancellationRequested ? limit.Token : cancellation;
        try
        {
            await Outage.OutlastAsync(() => WriteAsync(item, reason, token), PodVolumeWork.TimeoutOf(item, options), services.Time, null, token);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException or OperationCanceledException)
        {
            services.Log.RunFailed(kind.Kind.ToLowerInvariant(), item.Name(), e);
        }
    }

    /// <summary>Writes it once; false when the object is gone.</summary>
    public async Task<bool> WriteAsync(JsonObject item, string reason, CancellationToken cancellation)
    {
        // The run may have ended because its object was deleted, and another may have its name by now.
        if (await cluster.GetAsync(kind, options.Namespace, item.Name(), cancellation) is not { } current || current.Uid() != item.Uid()) return false;
        return await cluster.PatchStatusAsync(kind, options.Namespace, item.Name(), new JsonObject
        {
            // Restores have the same word for it.
            ["phase"] = BackupPhase.Failed,
            ["failureReason"] = reason,
            ["completionTimestamp"] = ApiTimeConverter.Format(services.Time.GetUtcNow()),
        }, cancellation);
    }
}
