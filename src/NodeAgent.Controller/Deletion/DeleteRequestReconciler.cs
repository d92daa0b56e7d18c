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
    /// <summary>Annotation of a request with the phase that its backup had.</summary>
    private const string PhaseBefore = "nodeagent.io/backup-phase-before";

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
        var locationName = backup.Text("spec", "storageLocation");
        var location = backup is null ? null : await locations.FindAsync(locationName, cancellation);
        var refusal = name.Length == 0 ? "spec.backupName is required"
            : backup is null ? $"backup \"{name}\" does not exist"
            : null;
        var (opened, problem) = refusal is null ? await locations.OpenAsync(location, locationName, forWriting: true, cancellation) : (null, null);
        await using var bucket = opened;
        if (refusal is null && problem is null && IsRunning(backup!)) return await CancelRunAsync(item, backup!, cancellation);
        refusal ??= problem ?? await locations.EmptinessOfAsync(location!, bucket!, cancellation);
        await using var copies = new BackupCopies(locations);
        refusal ??= await copies.FindAsync(backup!, bucket!, cancellation);
        if (refusal is not null)
        {
            await SetStatusAsync(item, DeleteBackupRequestPhase.Processed, [refusal], cancellation);
            return KeepProcessed;
        }

        // What an agent stores after its snapshots were counted would never be forgotten.
        if (await HasOpenVolumesAsync(backup!, cancellation)) return options.PollInterval;
        var schedule = backup!.Label(VeleroLabels.ScheduleName) ?? "";
        services.Telemetry.Count("velero_backup_deletion_attempt_total", schedule);
        var errors = await DeleteAsync(item, backup!, [.. copies.Places, new BackupPlace(location!, bucket!)], cancellation);
        await SetStatusAsync(item, DeleteBackupRequestPhase.Processed, errors, cancellation);
        services.Telemetry.Count(errors.Count == 0 ? "velero_backup_deletion_success_total" : "velero_backup_deletion_failure_total", schedule);
        services.Log.Ended("deletion of backup", name, errors.Count == 0 ? "done" : string.Join("; ", errors));
        if (errors.Count > 0) return KeepProcessed;
        await DeleteRequestsAsync(name, null, cancellation);
        return null;
    }

    private static bool IsRunning(JsonObject backup) => backup.Text("status", "phase") is BackupPhase.InProgress or BackupPhase.Finalizing
        or BackupPhase.FinalizingPartiallyFailed or BackupPhase.WaitingForPluginOperations or BackupPhase.WaitingForPluginOperationsPartiallyFailed;

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

    private async Task<IReadOnlyList<string>> DeleteAsync(JsonObject request, JsonObject backup, IReadOnlyList<BackupPlace> places, CancellationToken cancellation)
    {
        var name = backup.Name();
        var errors = new List<string>();
        var neverRan = backup.Text("status", "phase") is BackupPhase.FailedValidation or BackupPhase.New or BackupPhase.Queued or "" or null;
        await DeleteRequestsAsync(name, request.Name(), cancellation);
        // Kept with the request, for a controller that dies between here and the end.
        var phaseBefore = backup.Text("status", "phase") is BackupPhase.Deleting ? request.Annotation(PhaseBefore) : backup.Text("status", "phase");
        await cluster.PatchAsync(VeleroResources.DeleteBackupRequests, options.Namespace, request.Name(), new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["annotations"] = new JsonObject { [PhaseBefore] = phaseBefore },
                ["labels"] = new JsonObject { [VeleroLabels.BackupName] = VeleroLabels.ToLabelValue(name), [VeleroLabels.BackupUid] = backup.Uid() },
            },
        }, null, cancellation);
        await SetStatusAsync(request, DeleteBackupRequestPhase.InProgress, [], cancellation);
        await cluster.PatchStatusAsync(VeleroResources.Backups, options.Namespace, name, new JsonObject { ["phase"] = BackupPhase.Deleting }, cancellation);

        // A backup that never passed validation has no files; those under its name belong to another.
        if (neverRan) return await DeleteObjectsAsync(backup, cancellation);
        // Snapshots come first, since nothing else tells which they are. Then the metadata file: without it there is no backup,
        // whatever else a crash leaves behind.
        var isWhole = true;
        foreach (var place in places)
        {
            var (problem, begun) = await _snapshots.ForgetAsync(backup, place.Location, place.Bucket, cancellation);
            isWhole &= !begun;
            if (problem is null) continue;
            // Nothing is gone yet: the backup is as good as before, and says so.
            if (isWhole && phaseBefore is not (null or BackupPhase.Deleting)) await cluster.PatchStatusAsync(VeleroResources.Backups, options.Namespace, name, new JsonObject { ["phase"] = phaseBefore }, cancellation);
            return [problem];
        }

        if (await _storage.RemoveAsync(backup, places[^1].Bucket, cancellation) is { Count: > 0 } left) return left;

        // The location of the spec comes last: what it tells is needed to begin again.
        var files = new BackupFiles(name);
        foreach (var place in places)
        {
            var what = places.Count == 1 ? $"files of backup {name}" : $"files of backup {name} in location {place.Name}";
            await TryAsync(errors, what, () => place.Bucket.DeleteAsync(files.Metadata, cancellation));
            await TryAsync(errors, what, () => place.Bucket.DeleteFolderAsync(files.Directory, cancellation));
            if (errors.Count > 0) return errors;
        }

        await DeleteRestoresAsync(name, places[^1].Bucket, errors, cancellation);
        return errors.Count > 0 ? errors : await DeleteObjectsAsync(backup, cancellation);
    }

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
