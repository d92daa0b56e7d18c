using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Maintenance;
using NodeAgent.Controller.Selection;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Deletion;

/// <summary>
/// Deletes a backup with its volume snapshots, its files, its restores and its objects. Every step can be done twice, so that a request left
/// InProgress by a dead controller is simply carried out again.
/// </summary>
internal sealed class DeleteRequestReconciler(ClusterClient cluster, StorageLocations locations, ControllerOptions options, ControllerServices services)
{
    /// <summary>Annotation of a backup whose deletion has begun: the phase that it had. It outlives a controller that dies, and the request.</summary>
    private const string PhaseBefore = "nodeagent.io/phase-before-deletion";

    // As long as Velero keeps them, so that "describe" can show what went wrong.
    private static readonly TimeSpan KeepProcessed = TimeSpan.FromHours(24);

    private readonly SnapshotForgetting _snapshots = new(cluster, new LocationRepositories(cluster, locations, options, services.Log), options);

    private readonly SnapshotRemoval _storage = new(cluster, options, services);

    public async Task<TimeSpan?> ReconcileAsync(JsonObject cached, CancellationToken cancellation)
    {
        // A processed request stays one. Before anything is deleted, the request is read anew: it may be processed or withdrawn.
        if (cached.Text("status", "phase") == DeleteBackupRequestPhase.Processed) return await ExpireAsync(cached, cancellation);
        if (await cluster.GetAsync(VeleroResources.DeleteBackupRequests, options.Namespace, cached.Name(), cancellation) is not { } item) return null;
        if (item.Text("metadata", "deletionTimestamp") is not null) return null;
        if (item.Text("status", "phase") == DeleteBackupRequestPhase.Processed) return await ExpireAsync(item, cancellation);

        var name = item.Text("spec", "backupName") ?? "";
        var backup = ObjectName.IsValid(name) ? await cluster.GetAsync(VeleroResources.Backups, options.Namespace, name, cancellation) : null;
        if (backup is not null && IsRunning(backup) && await IsWritableAsync(backup, cancellation)) return await CancelRunAsync(item, backup, cancellation);
        await using var places = new DeletionPlaces(locations);
        var refusal = name.Length == 0 ? "spec.backupName is required"
            : backup is null ? $"backup \"{name}\" does not exist"
            : await places.FindAsync(backup, cancellation);
        if (refusal is not null)
        {
            await SetStatusAsync(item, DeleteBackupRequestPhase.Processed, [refusal], cancellation);
            return KeepProcessed;
        }

        // What an agent stores after its snapshots were counted would never be forgotten.
        if (await HasOpenVolumesAsync(backup!, cancellation)) return options.PollInterval;
        var schedule = backup!.Label(VeleroLabels.ScheduleName) ?? "";
        services.Telemetry.Count("velero_backup_deletion_attempt_total", schedule);
        var errors = await DeleteAsync(item, backup!, places.Places, cancellation);
        await SetStatusAsync(item, DeleteBackupRequestPhase.Processed, errors, cancellation);
        services.Telemetry.Count(errors.Count == 0 ? "velero_backup_deletion_success_total" : "velero_backup_deletion_failure_total", schedule);
        services.Log.Ended("deletion of backup", name, string.Join("; ", errors.Count == 0 ? ["done", .. places.Notes] : errors));
        if (errors.Count > 0) return KeepProcessed;
        await DeleteRequestsAsync(name, null, cancellation);
        return null;
    }

    private static bool IsRunning(JsonObject backup) => backup.Text("status", "phase") is BackupPhase.InProgress or BackupPhase.Finalizing
        or BackupPhase.FinalizingPartiallyFailed or BackupPhase.WaitingForPluginOperations or BackupPhase.WaitingForPluginOperationsPartiallyFailed;

    private async Task<bool> IsWritableAsync(JsonObject backup, CancellationToken cancellation)
    {
        var name = backup.Text("spec", "storageLocation");
        return !options.RestoreOnly && StorageLocations.ProblemOf(await locations.FindAsync(name, cancellation), name, forWriting: true) is null;
    }

    /// <summary>Whether an agent still works for the backup, for as long as volumes are given to end after they were cancelled.</summary>
    private async Task<bool> HasOpenVolumesAsync(JsonObject backup, CancellationToken cancellation)
    {
        if (!DateTimeOffset.TryParse(backup.Text("status", "completionTimestamp"), System.Globalization.CultureInfo.InvariantCulture, out var ended)) return false;
        if (services.Time.GetUtcNow() - ended > options.CancelGracePeriod) return false;
        await foreach (var volume in cluster.ListAsync(VeleroResources.PodVolumeBackups, options.Namespace, $"{VeleroLabels.BackupUid}={backup.Uid()}", cancellation))
        {
            if (!PodVolumeWork.IsFinal(volume)) return true;
        }

        return false;
    }

    /// <summary>A backup that runs is asked to end first; then it is deleted like any other that failed.</summary>
    private async Task<TimeSpan?> CancelRunAsync(JsonObject request, JsonObject backup, CancellationToken cancellation)
    {
        if (backup.Annotation(BackupInterruption.CancelRequested) is null)
        {
            await SetStatusAsync(request, DeleteBackupRequestPhase.InProgress, [], cancellation);
            await cluster.PatchAsync(VeleroResources.Backups, options.Namespace, backup.Name(), new JsonObject
            {
                ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [BackupInterruption.CancelRequested] = $"its deletion was asked for by {request.Name()}" } },
            }, null, cancellation);
        }

        return options.PollInterval;
    }

    private async Task<IReadOnlyList<string>> DeleteAsync(JsonObject request, JsonObject backup, IReadOnlyList<DeletionPlace> places, CancellationToken cancellation)
    {
        var name = backup.Name();
        var phaseBefore = backup.Text("status", "phase") is BackupPhase.Deleting ? backup.Annotation(PhaseBefore) : backup.Text("status", "phase") ?? "";
        await DeleteRequestsAsync(name, request.Name(), cancellation);
        await cluster.PatchAsync(VeleroResources.DeleteBackupRequests, options.Namespace, request.Name(), new JsonObject
        {
            ["metadata"] = new JsonObject { ["labels"] = new JsonObject { [VeleroLabels.BackupName] = VeleroLabels.ToLabelValue(name), [VeleroLabels.BackupUid] = backup.Uid() } },
        }, null, cancellation);
        await SetStatusAsync(request, DeleteBackupRequestPhase.InProgress, [], cancellation);
        // Before the phase: once it says Deleting, only this tells what it was.
        await cluster.PatchAsync(VeleroResources.Backups, options.Namespace, name, new JsonObject { ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [PhaseBefore] = phaseBefore } } }, null, cancellation);
        await SetPhaseAsync(name, BackupPhase.Deleting, cancellation);

        // A backup that never passed validation has no files; those under its name belong to another.
        if (phaseBefore is BackupPhase.FailedValidation or BackupPhase.New or BackupPhase.Queued or "") return await DeleteObjectsAsync(backup, cancellation);
        var open = new List<ForgettableSnapshots>();
        try
        {
            var isWhole = true;
            try
            {
                foreach (var (place, isOwn) in places) open.Add(await _snapshots.OpenAsync(backup, place.Location, isOwn ? place.Bucket : null, [], cancellation));
                foreach (var (place, _) in places.Where(p => p.IsOwn))
                {
                    await BackupMetadata.MarkUnfinishedAsync(place.Bucket, name, cancellation);
                    isWhole = false;
                }
            }
            catch (Exception e) when (SnapshotForgetting.IsFailure(e))
            {
                // The backup is as good as before, and says so.
                if (isWhole && phaseBefore is not null) await SetPhaseAsync(name, phaseBefore, cancellation);
                return [$"volume snapshots of backup {name}: {e.Message}"];
            }

            return await DeleteAsync(backup, places, open, cancellation);
        }
        finally
        {
            foreach (var snapshots in open) await snapshots.DisposeAsync();
        }
    }

    /// <summary>
    /// Deletes what a backup consists of. Snapshots come first, since nothing but its files tells which they are, and of those the storage systems',
    /// which are likelier to fail. Then the metadata file: without it there is no backup, whatever else a crash leaves behind.
    /// </summary>
    private async Task<IReadOnlyList<string>> DeleteAsync(JsonObject backup, IReadOnlyList<DeletionPlace> places, IReadOnlyList<ForgettableSnapshots> snapshots, CancellationToken cancellation)
    {
        var name = backup.Name();
        var errors = new List<string>();
        var own = places.Where(p => p.IsOwn).Select(p => p.Place).ToList();
        if (own.Count > 0 && await _storage.RemoveAsync(backup, own[^1].Bucket, cancellation) is { Count: > 0 } left) return left;
        foreach (var those in snapshots)
        {
            try
            {
                await those.ForgetAsync($"backup {name} was deleted", cancellation);
            }
            catch (Exception e) when (SnapshotForgetting.IsFailure(e))
            {
                return [$"volume snapshots of backup {name}: {e.Message}"];
            }
        }

        var files = new BackupFiles(name);
        foreach (var place in own)
        {
            var what = places.Count == 1 ? $"files of backup {name}" : $"files of backup {name} in location {place.Name}";
            await TryAsync(errors, what, () => place.Bucket.DeleteAsync(files.Metadata, cancellation));
            await TryAsync(errors, what, () => place.Bucket.DeleteFolderAsync(files.Directory, cancellation));
            if (errors.Count > 0) return errors;
        }

        if (own.Count > 0) await DeleteRestoresAsync(name, own[^1].Bucket, errors, cancellation);
        return errors.Count > 0 ? errors : await DeleteObjectsAsync(backup, cancellation);
    }

    private Task<bool> SetPhaseAsync(string backup, string phase, CancellationToken cancellation) =>
        cluster.PatchStatusAsync(VeleroResources.Backups, options.Namespace, backup, new JsonObject { ["phase"] = phase }, cancellation);

    private async Task<IReadOnlyList<string>> DeleteObjectsAsync(JsonObject backup, CancellationToken cancellation)
    {
        var selector = $"{VeleroLabels.BackupUid}={backup.Uid()}";
        await foreach (var volume in cluster.ListAsync(VeleroResources.PodVolumeBackups, options.Namespace, selector, cancellation))
        {
            await cluster.DeleteAsync(VeleroResources.PodVolumeBackups, options.Namespace, volume.Name(), cancellation);
        }

        await cluster.DeleteAsync(VeleroResources.Backups, options.Namespace, backup.Name(), cancellation);
        return [];
    }

    private async Task DeleteRestoresAsync(string backup, IBucket bucket, List<string> errors, CancellationToken cancellation)
    {
        await foreach (var restore in cluster.ListAsync(VeleroResources.Restores, options.Namespace, null, cancellation))
        {
            if (restore.Text("spec", "backupName") != backup || !ObjectName.IsValid(restore.Name())) continue;
            await TryAsync(errors, $"files of restore {restore.Name()}", () => bucket.DeleteFolderAsync(new RestoreFiles(restore.Name()).Directory, cancellation));
            await cluster.DeleteAsync(VeleroResources.Restores, options.Namespace, restore.Name(), cancellation);
        }
    }

    private async Task DeleteRequestsAsync(string backup, string? except, CancellationToken cancellation)
    {
        await foreach (var other in cluster.ListAsync(VeleroResources.DeleteBackupRequests, options.Namespace, null, cancellation))
        {
            if (other.Text("spec", "backupName") == backup && other.Name() != except)
            {
                await cluster.DeleteAsync(VeleroResources.DeleteBackupRequests, options.Namespace, other.Name(), cancellation);
            }
        }
    }

    private async Task<TimeSpan?> ExpireAsync(JsonObject item, CancellationToken cancellation)
    {
        if (!DateTimeOffset.TryParse(item.Text("metadata", "creationTimestamp"), System.Globalization.CultureInfo.InvariantCulture, out var created)) return null;
        var left = created + KeepProcessed - services.Time.GetUtcNow();
        if (left > TimeSpan.Zero) return left;
        await cluster.DeleteAsync(VeleroResources.DeleteBackupRequests, options.Namespace, item.Name(), cancellation);
        return null;
    }

    private static async Task TryAsync(List<string> errors, string what, Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (Exception e) when (BucketFailure.IsCauseOf(e))
        {
            errors.Add($"{what}: {e.Message}");
        }
    }

    private async Task SetStatusAsync(JsonObject item, string phase, IReadOnlyList<string> errors, CancellationToken cancellation) =>
        await cluster.PatchStatusAsync(VeleroResources.DeleteBackupRequests, options.Namespace, item.Name(), new JsonObject
        {
            ["phase"] = phase,
            ["errors"] = errors.Count == 0 ? null : new JsonArray([.. errors.Select(e => (JsonNode)e)]),
        }, cancellation);
}
