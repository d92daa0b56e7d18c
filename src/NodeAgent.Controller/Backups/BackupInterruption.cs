using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Backups;

/// <summary>
/// Looks from time to time whether anybody still wants a backup that runs: its object may be deleted, or be marked by whoever asks
/// for its end. Nothing else would tell a run that waits for volumes of hours.
/// </summary>
internal sealed class BackupInterruption : IAsyncDisposable
{
    /// <summary>Annotation of a Backup that is to end: why, in a few words.</summary>
    public const string CancelRequested = "nodeagent.io/cancel-requested";

    private const int PollsBetweenLooks = 3;

    private readonly CancellationTokenSource _interrupted;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _watching;

    public BackupInterruption(ClusterClient cluster, ControllerOptions options, TimeProvider time, PreparedBackup backup, CancellationToken cancellation)
    {
        _interrupted = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        _watching = WatchAsync(cluster, options, time, backup);
    }

    /// <summary>Cancelled when the run shall end early.</summary>
    public CancellationToken Token => _interrupted.Token;

    /// <summary>Why the run shall end; null while it may go on, and when the whole controller stops.</summary>
    public string? Reason { get; private set; }

    /// <summary>Whether the Backup object is gone, so that nothing of the backup shall stay.</summary>
    public bool IsDeleted { get; private set; }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watching;
        _stop.Dispose();
        _interrupted.Dispose();
    }

    private static (string? Reason, bool IsDeleted) Judge(JsonObject? current, PreparedBackup backup, string ns)
    {
        if (current is null || current.Uid() != backup.Uid || current.Text("metadata", "deletionTimestamp") is not null) return ($"the Backup object {ns}/{backup.Name} was deleted while the backup ran", true);
        return current.Annotation(CancelRequested) is { } why ? ($"the backup was cancelled: {(why.Length == 0 ? "no reason given" : why)}", false) : (null, false);
    }

    private async Task WatchAsync(ClusterClient cluster, ControllerOptions options, TimeProvider time, PreparedBackup backup)
    {
        try
        {
            while (Reason is null)
            {
                await Task.Delay(options.PollInterval * PollsBetweenLooks, time, _stop.Token);
                try
                {
                    var current = await cluster.GetAsync(VeleroResources.Backups, options.Namespace, backup.Name, _stop.Token);
                    (Reason, IsDeleted) = Judge(current, backup, options.Namespace);
                }
                catch (Exception e) when (e is ApiException or HttpRequestException or JsonException)
                {
                    // The next look tells.
                }
            }

            await _interrupted.CancelAsync();
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The run has ended.
        }
    }
}
