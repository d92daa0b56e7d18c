using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Controller.Work;

/// <summary>Writes into the object of a backup or restore that its run failed.</summary>
internal static class RunFailure
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(10);

    /// <summary>Writes it for as long as the run itself might have taken. That it cannot is logged: whoever looks at the object next finds it in progress and ends it.</summary>
    /// <param name="kind">What it is, for the log: backup or restore.</param>
    /// <param name="item">The object.</param>
    /// <param name="fail">Writes it once.</param>
    /// <param name="options">How long.</param>
    /// <param name="services">Time and log.</param>
    /// <param name="cancellation">The process is stopping. It is not used then; the time is bounded instead.</param>
    public static async Task TryWriteAsync(string kind, JsonObject item, Func<CancellationToken, Task<bool>> fail, ControllerOptions options, ControllerServices services, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(StopLimit, services.Time);
        var token = cancellation.IsCancellationRequested ? limit.Token : cancellation;
        try
        {
            await Outage.OutlastAsync(() => fail(token), PodVolumeWork.TimeoutOf(item, options), services.Time, null, token);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException or OperationCanceledException)
        {
            services.Log.RunFailed(kind, item.Name(), e);
        }
    }
}
