using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Selection;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Restores;

/// <summary>Starts restores that are new, ends those whose run is gone, and removes the files of those that are deleted.</summary>
internal sealed class RestoreReconciler(ClusterClient cluster, StorageLocations locations, AgentDirectory agents, ControllerOptions options, ControllerServices services)
{
    /// <summary>Annotation of a restore with the location of its files, which its backup tells only as long as it exists.</summary>
    public const string StoredIn = "nodeagent.io/storage-location";

    private static readonly TimeSpan QueuePoll = TimeSpan.FromSeconds(1);

    private readonly RunFailure _failure = new(cluster, VeleroResources.Restores, options, services);
    // UIDs of ended restores whose volumes were seen to. Touched by one call of the reconciler at a time.
    private readonly HashSet<string> _tidied = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (Task Ended, CancellationTokenSource Stop)> _running = new(StringComparer.Ordinal);

    public async Task<TimeSpan?> ReconcileAsync(JsonObject cached, CancellationToken cancellation)
    {
        await CancelLeftoversAsync(cached, cancellation);
        // The cache is enough to see that nothing is to be done. Whoever acts must not act on what the object was before a run
        // wrote to it, so anything else is read anew.
        var isDeleted = cached.Text("metadata", "deletionTimestamp") is not null;
        if (!isDeleted && IsEnded(cached)) return null;
        // Asked before the object is read: a run that ends in between has written its end by then, and what was read is from before.
        var running = _running.Keys.ToHashSet(StringComparer.Ordinal);
        if (await cluster.GetAsync(VeleroResources.Restores, options.Namespace, cached.Name(), cancellation) is not { } item) return null;
        if (item.Text("metadata", "deletionTimestamp") is not null)
        {
            // Its run writes files, and has volumes that it must not leave at work.
            if (await StopAsync(item.Uid())) return QueuePoll;
            await RemoveFilesAsync(item, cancellation);
            return null;
        }

        if (running.Contains(item.Uid())) return null;
        switch (item.Text("status", "phase") ?? "")
        {
            case "" or RestorePhase.New:
                return await StartAsync(item, cancellation);
            case RestorePhase.Finalizing or RestorePhase.FinalizingPartiallyFailed:
                await FinishOrphanAsync(item, cancellation);
                return null;
            case RestorePhase.InProgress or RestorePhase.WaitingForPluginOperations or RestorePhase.WaitingForPluginOperationsPartiallyFailed:
                await FailOrphanAsync(item, cancellation);
                return null;
            default:
                return null;
        }
    }

    /// <summary>Whether nothing will be done for it any more.</summary>
    public static bool IsEnded(JsonObject restore) =>
        restore.Text("status", "phase") is RestorePhase.Completed or RestorePhase.PartiallyFailed or RestorePhase.Failed or RestorePhase.FailedValidation;

    /// <summary>Waits until no run is left; they end early when their token is cancelled.</summary>
    public Task DrainAsync() => Task.WhenAll(_running.Values.Select(r => r.Ended));

    /// <summary>Ends a run early; false when there is none.</summary>
    private async Task<bool> StopAsync(string uid)
    {
        if (!_running.TryGetValue(uid, out var run)) return false;
        try
        {
            await run.Stop.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // It has ended by itself just now.
        }

        return true;
    }

    private async Task<TimeSpan?> StartAsync(JsonObject item, CancellationToken cancellation)
    {
        // Restores change the cluster, so two of them never run into each other.
        if (!_running.IsEmpty) return QueuePoll;
        var (prepared, errors) = await Outage.OrRefusalAsync(() => new RestorePreparation(cluster, locations, options, services.Time).PrepareAsync(item, cancellation), reason => (null, [reason]));
        if (prepared is null)
        {
            await SetStatusAsync(item, new JsonObject
            {
                ["phase"] = RestorePhase.FailedValidation,
                ["validationErrors"] = new JsonArray([.. errors.Select(e => (JsonNode)e)]),
            }, cancellation);
            services.Telemetry.Count("velero_restore_validation_failed_total", item.Text("spec", "scheduleName") ?? "");
            return null;
        }

        try
        {
            await AddFinalizerAsync(prepared, cancellation);
        }
        catch
        {
            await prepared.Bucket.DisposeAsync();
            throw;
        }

        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        _running[item.Uid()] = (ended.Task, stop);
        // The run lives longer than this call; it reports its own end and is awaited by DrainAsync.
        _ = RunAsync(prepared, ended, stop, cancellation);
        return null;
    }

    private async Task RunAsync(PreparedRestore restore, TaskCompletionSource ended, CancellationTokenSource stop, CancellationToken cancellation)
    {
        services.Telemetry.Count("velero_restore_attempt_total", restore.Schedule);
        var phase = RestorePhase.Failed;
        try
        {
            phase = await new RestoreRun(cluster, options, agents, services, restore).ExecuteAsync(stop.Token);
        }
        catch (Exception e)
        {
            // The top of a run: whatever went wrong, the object must say so.
            services.Log.RunFailed("restore", restore.Name, e);
            var reason = e is not OperationCanceledException ? e.Message
                : cancellation.IsCancellationRequested ? "the controller was stopped, or could not reach the API server for too long, while the restore ran"
                : stop.IsCancellationRequested ? "the restore was deleted while it ran" : e.Message;
            await _failure.TryWriteAsync(restore.Object, reason, cancellation);
        }
        finally
        {
            // Whatever the run has started and not awaited, such as commands of hooks, ends with it.
            await stop.CancelAsync();
            await restore.Bucket.DisposeAsync();
            _running.TryRemove(restore.Uid, out _);
            stop.Dispose();
            ended.SetResult();
        }

        services.Telemetry.Count(
            phase switch
            {
                RestorePhase.Completed => "velero_restore_success_total",
                RestorePhase.PartiallyFailed => "velero_restore_partial_failure_total",
                _ => "velero_restore_failed_total",
            },
            restore.Schedule);
        services.Log.Ended("restore", restore.Name, phase);
    }

    /// <summary>
    /// A run that failed because the server was away may not have reached its volumes, which nobody waits for any more. No run
    /// adds to them once it has ended, so that one look at each restore is enough.
    /// </summary>
    private async Task CancelLeftoversAsync(JsonObject item, CancellationToken cancellation)
    {
        if (item.Text("status", "phase") is not (RestorePhase.Failed or RestorePhase.PartiallyFailed) || _running.ContainsKey(item.Uid()) || _tidied.Contains(item.Uid())) return;
        await new PodVolumeWork(cluster, options, services.Time).CancelAllAsync(VeleroResources.PodVolumeRestores, $"{VeleroLabels.RestoreUid}={item.Uid()}", cancellation);
        _tidied.Add(item.Uid());
    }

    private async Task FailOrphanAsync(JsonObject item, CancellationToken cancellation)
    {
        await new PodVolumeWork(cluster, options, services.Time).CancelAllAsync(VeleroResources.PodVolumeRestores, $"{VeleroLabels.RestoreUid}={item.Uid()}", cancellation);
        await _failure.WriteAsync(item, $"the controller stopped while the restore was {item.Text("status", "phase")}; make a new restore", cancellation);
        services.Telemetry.Count("velero_restore_failed_total", item.Text("spec", "scheduleName") ?? "");
    }

    /// <summary>
    /// A restore whose controller died in the last step has restored everything and counted its errors; at most its files are missing. As in
    /// Velero it is brought to its end.
    /// </summary>
    private async Task FinishOrphanAsync(JsonObject item, CancellationToken cancellation)
    {
        var failed = item.Text("status", "phase") == RestorePhase.FinalizingPartiallyFailed;
        var phase = failed ? RestorePhase.PartiallyFailed : RestorePhase.Completed;
        await SetStatusAsync(item, new JsonObject { ["phase"] = phase, ["completionTimestamp"] = ApiTimeConverter.Format(services.Time.GetUtcNow()) }, cancellation);
        services.Telemetry.Count(failed ? "velero_restore_partial_failure_total" : "velero_restore_success_total", item.Text("spec", "scheduleName") ?? "");
        services.Log.Ended("restore", item.Name(), phase);
    }

    /// <summary>The finalizer lets the files in the bucket go with the object.</summary>
    private async Task AddFinalizerAsync(PreparedRestore restore, CancellationToken cancellation)
    {
        var finalizers = Finalizers(restore.Object).Append(VeleroLabels.RestoreFinalizer).Distinct();
        await cluster.PatchAsync(VeleroResources.Restores, options.Namespace, restore.Name, new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["finalizers"] = new JsonArray([.. finalizers.Select(f => (JsonNode)f)]),
                ["annotations"] = new JsonObject { [StoredIn] = restore.LocationName },
            },
        }, null, cancellation);
    }

    private async Task RemoveFilesAsync(JsonObject item, CancellationToken cancellation)
    {
        var finalizers = Finalizers(item).ToList();
        if (!finalizers.Contains(VeleroLabels.RestoreFinalizer)) return;
        var backup = item.Text("spec", "backupName") is { Length: > 0 } name ? await cluster.GetAsync(VeleroResources.Backups, options.Namespace, name, cancellation) : null;
        // The backup may have been deleted before.
        var locationName = backup.Text("spec", "storageLocation") ?? item.Annotation(StoredIn);
        var location = locationName is null ? null : await locations.FindAsync(locationName, cancellation);
        var (opened, _) = ObjectName.IsValid(item.Name()) ? await locations.OpenAsync(location, locationName, forWriting: true, cancellation) : (null, null);
        if (opened is not null)
        {
            await using var bucket = opened;
            try
            {
                await bucket.DeleteFolderAsync(new RestoreFiles(item.Name()).Directory, cancellation);
            }
            catch (Exception e) when (BucketFailure.IsCauseOf(e))
            {
                services.Log.FilesNotRemoved("restore", item.Name(), e.Message);
            }
        }

        // Files that cannot be reached must not keep the object for ever; they are small.
        finalizers.Remove(VeleroLabels.RestoreFinalizer);
        var rest = new JsonArray([.. finalizers.Select(f => (JsonNode)f)]);
        await cluster.PatchAsync(VeleroResources.Restores, options.Namespace, item.Name(), new JsonObject { ["metadata"] = new JsonObject { ["finalizers"] = rest } }, null, cancellation);
    }

    private static IEnumerable<string> Finalizers(JsonObject item) => (item.At("metadata", "finalizers") as JsonArray ?? []).Select(f => f?.ToString() ?? "");

    private Task<bool> SetStatusAsync(JsonObject item, JsonObject status, CancellationToken cancellation) =>
        cluster.PatchStatusAsync(VeleroResources.Restores, options.Namespace, item.Name(), status, cancellation);
}
