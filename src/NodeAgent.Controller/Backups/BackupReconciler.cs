using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Deletion;
using NodeAgent.Controller.Expiry;
using NodeAgent.Controller.Maintenance;
using NodeAgent.Controller.Selection;
using NodeAgent.Controller.Snapshots;
using NodeAgent.Controller.Snapshots.Csi;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Sync;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Backups;

/// <summary>
/// Starts backups that are new, as many at once as the options allow, and ends those whose run is gone: an InProgress backup
/// that this process does not run was left by one that died, and nobody else would ever end it.
/// </summary>
internal sealed class BackupReconciler(
    ClusterClient cluster, StorageLocations locations, AgentDirectory agents, ControllerOptions options, ControllerServices services)
{
    private static readonly TimeSpan QueuePoll = TimeSpan.FromSeconds(1);

    private readonly BackupFolders _folders = new(cluster, options, services.Time);
    private readonly SnapshotForgetting _snapshots = new(cluster, new LocationRepositories(cluster, locations, options, services.Log), options);
    private readonly BackupStubs _stubs = new(cluster, locations, options, services);
    private readonly RunFailure _failure = new(cluster, VeleroResources.Backups, options, services);
    private readonly OrphanedBackups _orphans = new(cluster, locations, options, services);
    // Touched by one call of the reconciler at a time, as is what follows.
    private readonly BackupQueue _queue = new(services.Time);
    private readonly BackupExpiry _expiry = new(cluster, locations, options, services.Time);
    // UIDs of ended backups whose volumes were seen to. Touched by one call of the reconciler at a time.
    private readonly HashSet<string> _tidied = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (string Name, IncludesExcludes Namespaces, Task Ended)> _running = new(StringComparer.Ordinal);

    public async Task<TimeSpan?> ReconcileAsync(JsonObject cached, CancellationToken cancellation)
    {
        // Backups that ended stay as they are for weeks, and the cache is enough to see that. Whoever acts must not act on what
        // the object was before a run wrote to it, so anything else is read anew.
        if (IsEnded(cached)) await CancelLeftoversAsync(cached, cancellation);
        if (IsEnded(cached) && _expiry.UntilNextLook(cached) is { } wait) return wait;
        // Asked before the object is read: a run that ends in between has written its end by then, and what was read is from before.
        var running = _running.Keys.ToHashSet(StringComparer.Ordinal);
        if (await cluster.GetAsync(VeleroResources.Backups, options.Namespace, cached.Name(), cancellation) is not { } item) return null;
        if (running.Contains(item.Uid())) return null;
        if (item.Text("metadata", "deletionTimestamp") is not null) return null;
        switch (item.Text("status", "phase") ?? "")
        {
            case "" when item.Annotation(BackupSync.SyncedFrom) is not null:
                // It came from the bucket a moment ago and its status follows, or so it says.
                return await _stubs.ReconcileAsync(item, cancellation);
            case "" or BackupPhase.New or BackupPhase.Queued or BackupPhase.ReadyToStart:
                return await StartAsync(item, cancellation);
            case BackupPhase.InProgress or BackupPhase.Finalizing or BackupPhase.FinalizingPartiallyFailed
                or BackupPhase.WaitingForPluginOperations or BackupPhase.WaitingForPluginOperationsPartiallyFailed:
                await EndOrphanAsync(item, cancellation);
                return null;
            case BackupPhase.Deleting:
                return await _expiry.ResumeDeletionAsync(item, cancellation);
            default:
                return IsEnded(item) ? await _expiry.ReconcileAsync(item, cancellation) : null;
        }
    }

    /// <summary>Waits until no run is left; they end early when their token is cancelled.</summary>
    public Task DrainAsync() => Task.WhenAll(_running.Values.Select(r => r.Ended));

    /// <summary>Cancels volumes of backups that are gone, until cancelled itself.</summary>
    public Task SweepAsync(CancellationToken cancellation) => _orphans.SweepAsync(cancellation);

    private static bool IsEnded(JsonObject item) => item.Text("status", "phase") is BackupPhase.Completed or BackupPhase.PartiallyFailed or BackupPhase.Failed;

    private async Task<TimeSpan?> StartAsync(JsonObject item, CancellationToken cancellation)
    {
        if (options.Disables(ControllerNames.Backup)) return null;
        var place = _queue.Join(item);
        // One of the same name that was deleted a moment ago may still be clearing its files away.
        if (_running.Count >= options.ConcurrentBackups || _running.Values.Any(r => r.Name == item.Name()) || !await IsFreeAsync(item, place, cancellation))
        {
            if (item.Text("status", "phase") != BackupPhase.Queued || item.Number("status", "queuePosition") != place)
            {
                await SetStatusAsync(item, new JsonObject { ["phase"] = BackupPhase.Queued, ["queuePosition"] = place }, cancellation);
            }

            return QueuePoll;
        }

        if (item.Text("status", "phase") == BackupPhase.Queued) await SetStatusAsync(item, new JsonObject { ["phase"] = BackupPhase.ReadyToStart, ["queuePosition"] = null }, cancellation);
        _queue.Leave(item.Uid());
        var schedule = item.Label(VeleroLabels.ScheduleName) ?? "";
        var (prepared, errors) = await Outage.OrRefusalAsync(() => new BackupPreparation(cluster, locations, _folders, services.Snapshots, options, services.Time).PrepareAsync(item, cancellation), reason => (null, [reason]));
        if (prepared is null)
        {
            await SetStatusAsync(item, new JsonObject
            {
                ["phase"] = BackupPhase.FailedValidation,
                ["queuePosition"] = null,
                ["validationErrors"] = new JsonArray([.. errors.Select(e => (JsonNode)e)]),
            }, cancellation);
            services.Telemetry.Count("velero_backup_validation_failure_total", schedule);
            return null;
        }

        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _running[item.Uid()] = (item.Name(), BackupQueue.NamespacesOf(item), ended.Task);
        // The run lives longer than this call; it reports its own end and is awaited by DrainAsync.
        _ = RunAsync(prepared, ended, cancellation);
        return null;
    }

    /// <summary>Whether no backup that runs, or that waits before this one, is about one of its namespaces.</summary>
    private async Task<bool> IsFreeAsync(JsonObject item, int place, CancellationToken cancellation)
    {
        if (options.ConcurrentBackups == 1 || (place == 1 && _running.IsEmpty)) return place == 1;
        var namespaces = new List<string>();
        await foreach (var ns in cluster.ListAsync(KubernetesResources.Namespaces, null, null, cancellation)) namespaces.Add(ns.Name());
        return _queue.IsFree(item.Uid(), [.. _running.Values.Select(r => r.Namespaces)], namespaces);
    }

    private async Task RunAsync(PreparedBackup backup, TaskCompletionSource ended, CancellationToken cancellation)
    {
        var telemetry = services.Telemetry;
        telemetry.Count("velero_backup_attempt_total", backup.Schedule);
        var run = new BackupRun(cluster, _folders, _snapshots, options, agents, services, backup);
        var phase = BackupPhase.Failed;
        try
        {
            phase = await run.ExecuteAsync(cancellation);
        }
        catch (Exception e)
        {
            // The top of a run: whatever went wrong, the object must say so.
            services.Log.RunFailed("backup", backup.Name, e);
            var reason = e is OperationCanceledException && cancellation.IsCancellationRequested ? "the controller was stopped, or could not reach the API server for too long, while the backup ran" : e.Message;
            await _failure.TryWriteAsync(backup.Object, reason, cancellation);
        }
        finally
        {
            foreach (var place in backup.Places) await place.Bucket.DisposeAsync();
            _running.TryRemove(backup.Uid, out _);
            ended.SetResult();
        }

        telemetry.Count(CounterOf(phase), backup.Schedule);
        if (run.Warnings > 0) telemetry.Count("velero_backup_warning_total", backup.Schedule);
        var now = services.Time.GetUtcNow();
        telemetry.BackupEnded(backup.Schedule, phase == BackupPhase.Completed, now, now - backup.Started, run.ArchiveBytes, run.Items, run.Errors);
        services.Log.Ended("backup", backup.Name, phase);
    }

    private static string CounterOf(string phase) => phase switch
    {
        BackupPhase.Completed => "velero_backup_success_total",
        BackupPhase.PartiallyFailed => "velero_backup_partial_failure_total",
        _ => "velero_backup_failure_total",
    };

    /// <summary>
    /// A run that failed because the server was away may not have reached its volumes, which nobody waits for any more. No run
    /// adds to them once it has ended, so that one look at each backup is enough.
    /// </summary>
    private async Task CancelLeftoversAsync(JsonObject item, CancellationToken cancellation)
    {
        if (item.Text("status", "phase") is not (BackupPhase.Failed or BackupPhase.PartiallyFailed) || _running.ContainsKey(item.Uid()) || _tidied.Contains(item.Uid())) return;
        await new PodVolumeWork(cluster, options, services.Time).CancelAllAsync(VeleroResources.PodVolumeBackups, $"{VeleroLabels.BackupUid}={item.Uid()}", cancellation);
        if (item.Text("status", "phase") == BackupPhase.Failed)
        {
            await new CsiLeftovers(cluster).RemoveAsync(item.Uid(), cancellation);
            if (!await new NativeLeftovers(services).TryRemoveAsync(item, cancellation)) return;
        }

        _tidied.Add(item.Uid());
    }

    private async Task EndOrphanAsync(JsonObject item, CancellationToken cancellation)
    {
        var phase = await _orphans.EndAsync(item, cancellation);
        services.Telemetry.Count(CounterOf(phase), item.Label(VeleroLabels.ScheduleName) ?? "");
    }

    private Task<bool> SetStatusAsync(JsonObject item, JsonObject status, CancellationToken cancellation) =>
        cluster.PatchStatusAsync(VeleroResources.Backups, options.Namespace, item.Name(), status, cancellation);
}
