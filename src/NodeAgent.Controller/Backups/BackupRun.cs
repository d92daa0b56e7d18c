using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Hooks;
using NodeAgent.Controller.Snapshots;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Backups;

/// <summary>
/// One backup from its start to its final phase:
/// (1) the object says InProgress; (2) objects go into the archive and volumes are requested from the agents;
/// (3) all volumes and hooks have ended; (4) the files are uploaded; (5) the object says how it ended.
/// It ends early, as failed, when its object is deleted or somebody asks for its end.
/// A crash before the metadata file of step 4 leaves no backup in the bucket; one after it leaves a backup whose phase there
/// is Finalizing, which nobody takes for a complete one.
/// </summary>
internal sealed class BackupRun(ClusterClient cluster, ControllerOptions options, AgentDirectory agents, ControllerServices services, PreparedBackup backup)
{
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(1);

    private long _lastProgress;
    private bool _isStored;

    /// <summary>Length of the uploaded archive in bytes.</summary>
    public long ArchiveBytes { get; private set; }

    public int Items { get; private set; }

    public int Errors { get; private set; }

    public int Warnings { get; private set; }

    /// <summary>Runs the backup and returns its final phase. Throws when it failed as a whole.</summary>
    public async Task<string> ExecuteAsync(CancellationToken cancellation)
    {
        var workDirectory = options.WorkDirectory ?? Path.GetTempPath();
        Directory.CreateDirectory(workDirectory);
        using var log = new RunLog(workDirectory, $"backup={options.Namespace}/{backup.Name}", services.Time);
        var scope = new BackupScope(cluster, options, services.Time, log, backup);
        var volumes = new PodVolumeBackups(scope, agents);
        using var snapshots = new BackupSnapshots(scope, volumes, services);
        var hooks = new BackupHookRunner(cluster, backup.Backup.Spec.Hooks, log);
        await using var interruption = new BackupInterruption(cluster, options, services.Time, backup, cancellation);
        // Ends the wait of hooks for volumes when the run fails; the hooks themselves still run.
        using var abandoned = CancellationTokenSource.CreateLinkedTokenSource(interruption.Token);
        try
        {
            return await ExecuteAsync(scope, volumes, snapshots, hooks, abandoned.Token, cancellation);
        }
        catch (Exception e)
        {
            await volumes.TryCancelAsync();
            var isDeleted = interruption.IsDeleted || e is BackupDeletedException;
            if (!_isStored || isDeleted) await snapshots.TryRemoveAsync();
            await abandoned.CancelAsync();
            await hooks.FinishAsync();
            var asked = cancellation.IsCancellationRequested ? null : interruption.Reason;
            if (isDeleted) await TryAsync(token => backup.Bucket.DeleteFolderAsync(backup.Files.Directory, token));
            else await TryKeepLogAsync(log, cancellation.IsCancellationRequested ? "the controller was stopped" : asked ?? e.Message);
            if (asked is null) throw;
            throw new InvalidOperationException(asked, e);
        }
    }

    /// <param name="cancellation">Ends the run early.</param>
    /// <param name="stopping">Ends it even when all of its files are written.</param>
    private async Task<string> ExecuteAsync(BackupScope scope, PodVolumeBackups volumes, BackupSnapshots snapshots, BackupHookRunner hooks, CancellationToken cancellation, CancellationToken stopping)
    {
        var log = scope.Log;

        // 1. From here on the object tells that somebody works on it.
        await SetStatusAsync(new JsonObject
        {
            ["phase"] = BackupPhase.InProgress,
            ["version"] = 1,
            ["formatVersion"] = BackupArchiveWriter.FormatVersion,
            ["startTimestamp"] = ApiTimeConverter.Format(backup.Started),
            ["expiration"] = ApiTimeConverter.Format(backup.Started + backup.Backup.Spec.Ttl!.Value),
            ["queuePosition"] = null,
        }, cancellation);
        log.Info($"backup of {options.Namespace}/{backup.Name} into {backup.Location.Metadata.Name} begins");
        NoteSnapshotLocations(log);

        // 2. Objects, and requests for the volumes of the pods among them.
        await using var archive = await BackupArchiveWriter.CreateAsync(scope.WorkDirectory, backup.Started, cancellation);
        await new ItemCollector(scope, archive, volumes, snapshots, hooks, (count, total) => ReportAsync(count, total, false, cancellation)).CollectAsync(cancellation);
        Items = archive.Count;
        await ReportAsync(archive.Count, archive.Count, true, cancellation);

        // 3. The volumes, which ran while the objects were collected.
        await volumes.WaitAsync(cancellation);
        await hooks.FinishAsync();

        // 4. The files.
        await SetStatusAsync(new JsonObject { ["phase"] = log.Errors > 0 ? BackupPhase.FinalizingPartiallyFailed : BackupPhase.Finalizing }, cancellation);
        Errors = log.Errors;
        Warnings = log.Warnings;
        var phase = log.Errors > 0 ? BackupPhase.PartiallyFailed : BackupPhase.Completed;
        log.Info($"{archive.Count} objects, {log.Warnings} warnings, {log.Errors} errors");
        var status = FinalStatus(phase, archive.Count);
        snapshots.AddTo(status);
        status["hookStatus"] = hooks.Status;
        await UploadAsync(archive, volumes, snapshots, log, status, cancellation);
        _isStored = true;

        // 5. The end. The bucket has it already, so that nobody's wish to end it early counts any more.
        await SetStatusAsync((JsonObject)status.DeepClone(), stopping);
        return phase;
    }

    /// <summary>What the backup asks for and does not get is said in its log; silence would pass for a promise.</summary>
    private void NoteSnapshotLocations(RunLog log)
    {
        foreach (var note in backup.Snapshots.Notes) log.Warn(null, note);
    }

    private JsonObject FinalStatus(string phase, int items) => new()
    {
        ["phase"] = phase,
        ["completionTimestamp"] = ApiTimeConverter.Format(services.Time.GetUtcNow()),
        ["errors"] = Errors,
        ["warnings"] = Warnings,
        ["progress"] = new JsonObject { ["totalItems"] = items, ["itemsBackedUp"] = items },
    };

    private async Task UploadAsync(BackupArchiveWriter archive, PodVolumeBackups volumes, BackupSnapshots snapshots, RunLog log, JsonObject finalStatus, CancellationToken cancellation)
    {
        var (bucket, files) = (backup.Bucket, backup.Files);
        var results = log.Results();
        await bucket.PutAsync(files.Log, log.Finish(), cancellation);
        try
        {
            await bucket.PutAsync(files.Metadata, await MetadataAsync(null, cancellation), cancellation);
            var contents = await archive.FinishAsync();
            ArchiveBytes = contents.Length;
            await bucket.PutAsync(files.Contents, contents, cancellation);
            await bucket.PutAsync(files.PodVolumeBackups, GzipJson.Encode(volumes.ToFile()), cancellation);
            await bucket.PutAsync(files.VolumeSnapshots, GzipJson.Encode(snapshots.ToFile()), cancellation);
            await bucket.PutAsync(files.ItemOperations, GzipJson.Encode(null), cancellation);
            await bucket.PutAsync(files.ResourceList, GzipJson.Encode(archive.ResourceList()), cancellation);
            await bucket.PutAsync(files.Results, GzipJson.Encode(results), cancellation);
            await bucket.PutAsync(files.VolumeInfo, GzipJson.Encode(volumes.ToVolumeInfo(snapshots.ToVolumeInfo())), cancellation);
            // Last, so that the bucket never calls a backup complete whose files are not.
            await bucket.PutAsync(files.Metadata, await MetadataAsync(finalStatus, cancellation), cancellation);
        }
        catch
        {
            await TryRemoveAsync();
            throw;
        }
    }

    /// <summary>Without the metadata file there is no backup; the contents alone would only take room.</summary>
    private async Task TryRemoveAsync()
    {
        await TryAsync(async token =>
        {
            await backup.Bucket.DeleteAsync(backup.Files.Metadata, token);
            await backup.Bucket.DeleteAsync(backup.Files.Contents, token);
        });
    }

    /// <summary>The log of a backup that failed tells why, also to those who did not see the object.</summary>
    private async Task TryKeepLogAsync(RunLog log, string reason)
    {
        log.Error(null, $"the backup failed: {reason}");
        var results = log.Results();
        await TryAsync(async token =>
        {
            await backup.Bucket.PutAsync(backup.Files.Log, log.Finish(), token);
            await backup.Bucket.PutAsync(backup.Files.Results, GzipJson.Encode(results), token);
        });
    }

    /// <summary>Does what a run that failed leaves to do, which must neither hide why it failed nor hold up a stop.</summary>
    private async Task TryAsync(Func<CancellationToken, Task> action)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5), services.Time);
        try
        {
            await action(limit.Token);
        }
        catch (Exception e) when (BucketFailure.IsCauseOf(e) || e is OperationCanceledException)
        {
            // What is left says Finalizing and is taken for no backup; why the run failed is what counts.
            services.Log.FilesNotRemoved("backup", backup.Name, e.Message);
        }
    }

    private async Task<byte[]> MetadataAsync(JsonObject? finalStatus, CancellationToken cancellation)
    {
        var current = await OutlastAsync(() => cluster.GetAsync(VeleroResources.Backups, options.Namespace, backup.Name, cancellation), cancellation)
            ?? throw Deleted();
        current.Child("metadata").Remove("managedFields");
        foreach (var (name, value) in finalStatus ?? []) current.Child("status")[name] = value?.DeepClone();
        return System.Text.Encoding.UTF8.GetBytes(current.ToJsonString());
    }

    private async Task ReportAsync(int count, int total, bool always, CancellationToken cancellation)
    {
        if (!always && _lastProgress != 0 && services.Time.GetElapsedTime(_lastProgress) < ProgressInterval) return;
        _lastProgress = services.Time.GetTimestamp();
        try
        {
            if (!await cluster.PatchStatusAsync(VeleroResources.Backups, options.Namespace, backup.Name, new JsonObject { ["progress"] = new JsonObject { ["totalItems"] = total, ["itemsBackedUp"] = count } }, cancellation)) throw Deleted();
        }
        catch (Exception e) when (Outage.IsCauseOf(e))
        {
            // The next report says more than this one.
        }
    }

    private async Task SetStatusAsync(JsonObject status, CancellationToken cancellation)
    {
        // Work of hours is not given up for a server that is away for minutes.
        if (!await OutlastAsync(() => cluster.PatchStatusAsync(VeleroResources.Backups, options.Namespace, backup.Name, status, cancellation), cancellation))
        {
            throw Deleted();
        }
    }

    private Task<T> OutlastAsync<T>(Func<Task<T>> request, CancellationToken cancellation) =>
        Outage.OutlastAsync(request, PodVolumeWork.TimeoutOf(backup.Object, options), services.Time, reason => services.Log.Waiting("backup", backup.Name, reason), cancellation);

    private BackupDeletedException Deleted() => new(options.Namespace, backup.Name);
}
