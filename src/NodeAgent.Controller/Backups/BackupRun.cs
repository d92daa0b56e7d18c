using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Deletion;
using NodeAgent.Controller.Hooks;
using NodeAgent.Controller.Snapshots;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Backups;

/// <summary>
/// One backup from its start to its final phase:
/// (1) the object says InProgress; (2) objects go into the archive and volumes are requested from the agents;
/// (3) all volumes and hooks have ended; (4) the files are uploaded; (5) the object says how it ended.
/// It ends early, as failed, when its object is deleted or somebody asks for its end.
/// A crash before the metadata file of step 4 leaves no backup in the bucket; one after it leaves a backup whose phase there
/// is Finalizing, which nobody takes for a complete one.
/// </summary>
internal sealed class BackupRun(ClusterClient cluster, BackupFolders folders, SnapshotForgetting forgetting, ControllerOptions options, AgentDirectory agents, ControllerServices services, PreparedBackup backup)
{
    private static readonly TimeSpan ForgettingLimit = TimeSpan.FromSeconds(30);

    private readonly RunObject _object = new(cluster, VeleroResources.Backups, backup.Object, options, services);
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
        var scope = new BackupScope(cluster.Enduring(EnduranceOf(log)), options, services.Time, log, backup);
        var volumes = new PodVolumeBackups(scope, agents);
        using var snapshots = new BackupSnapshots(scope, volumes, services);
        var hooks = new BackupHookRunner(cluster, options, services.Time, backup.Backup.Spec.Hooks, log);
        var upload = new BackupUpload(backup, folders, log, _object.ReadAsync, services);
        await using var interruption = new BackupInterruption(cluster, options, services.Time, backup, cancellation);
        // Ends the wait of hooks for volumes when the run fails; the hooks themselves still run, for a while.
        using var abandoned = CancellationTokenSource.CreateLinkedTokenSource(interruption.Token);
        try
        {
            return await ExecuteAsync(scope, volumes, snapshots, hooks, upload, abandoned, cancellation);
        }
        catch (Exception e)
        {
            await volumes.TryCancelAsync();
            var isDeleted = interruption.IsDeleted || e is RunObjectDeletedException;
            if (!_isStored || isDeleted) await snapshots.TryRemoveAsync();
            await abandoned.CancelAsync();
            await hooks.FinishAsync();
            var asked = cancellation.IsCancellationRequested ? null : interruption.Reason;
            if (isDeleted)
            {
                await TryForgetAsync(volumes.Ended);
                await upload.TryRemoveAllAsync();
            }
            else
            {
                if (!_isStored) await upload.TryRemoveAsync();
                log.Error(null, $"the backup failed: {(cancellation.IsCancellationRequested ? "the controller was stopped" : asked ?? e.Message)}");
                await upload.TryKeepLogAsync();
                await upload.TryReleaseAsync();
            }

            if (asked is null) throw;
            throw new InvalidOperationException(asked, e);
        }
    }

    private Endurance EnduranceOf(RunLog log) => new()
    {
        Ask = token => cluster.GetAsync(VeleroResources.Backups, options.Namespace, backup.Name, token),
        Patience = PodVolumeWork.TimeoutOf(backup.Object, options),
        Time = services.Time,
        Noticed = reason =>
        {
            log.Info(reason);
            services.Log.Waiting("backup", backup.Name, reason);
        },
        IsOwn = item => item.Label(VeleroLabels.BackupUid) == backup.Uid,
    };

    /// <param name="run">Ends the run early.</param>
    /// <param name="stopping">Ends it even when all of its files are written.</param>
    private async Task<string> ExecuteAsync(BackupScope scope, PodVolumeBackups volumes, BackupSnapshots snapshots, BackupHookRunner hooks, BackupUpload upload, CancellationTokenSource run, CancellationToken stopping)
    {
        var (log, cancellation) = (scope.Log, run.Token);

        // 1. From here on the object tells that somebody works on it.
        await _object.SetStatusAsync(new JsonObject
        {
            ["phase"] = BackupPhase.InProgress,
            ["version"] = 1,
            ["formatVersion"] = BackupArchiveWriter.FormatVersion,
            ["startTimestamp"] = ApiTimeConverter.Format(backup.Started),
            ["expiration"] = ApiTimeConverter.Format(backup.Started + backup.Backup.Spec.Ttl!.Value),
            ["queuePosition"] = null,
        }, cancellation);
        log.Info($"backup of {options.Namespace}/{backup.Name} into {string.Join(", ", backup.Places.Select(p => p.Name))} begins");
        foreach (var problem in backup.PlaceProblems) log.Error(null, $"{problem}: the backup is not in it");
        NoteSnapshotLocations(log);

        // 2. Objects, and requests for the volumes of the pods among them.
        await using var archive = await BackupArchiveWriter.CreateAsync(scope.WorkDirectory, backup.Started, cancellation);
        using (var collector = new ItemCollector(scope, archive, volumes, snapshots, hooks, (count, total) => ReportAsync(count, total, false, cancellation))) await collector.CollectAsync(run);
        Items = archive.Count;
        await ReportAsync(archive.Count, archive.Count, true, cancellation);

        // 3. The volumes, which ran while the objects were collected.
        await volumes.WaitAsync(cancellation);
        await hooks.FinishAsync();
        await snapshots.FinishAsync(archive, cancellation);

        // 4. The files.
        await _object.SetStatusAsync(new JsonObject { ["phase"] = log.Errors > 0 ? BackupPhase.FinalizingPartiallyFailed : BackupPhase.Finalizing }, cancellation);
        await upload.WriteContentsAsync(archive, volumes, snapshots, cancellation);
        ArchiveBytes = upload.ArchiveBytes;
        log.Info($"{archive.Count} objects, {log.Warnings} warnings, {log.Errors} errors");
        var status = await upload.WriteEndAsync(() =>
        {
            var end = FinalStatus(log, archive.Count);
            snapshots.AddTo(end);
            end["hookStatus"] = hooks.Status;
            return end;
        }, cancellation);
        _isStored = true;
        await snapshots.TryReleaseAsync();
        await upload.TryReleaseAsync();

        // 5. The end. The bucket has it already, so that nobody's wish to end it early counts any more.
        await PointToAsync(upload.Places[0], stopping);
        await _object.SetStatusAsync((JsonObject)status.DeepClone(), stopping);
        return status.Text("phase")!;
    }

    /// <summary>Volumes that were backed up before the backup was deleted would be kept for ever: nothing names them any more.</summary>
    private async Task TryForgetAsync(IReadOnlyCollection<JsonObject> ended)
    {
        foreach (var place in backup.Places)
        {
            using var limit = new CancellationTokenSource(ForgettingLimit, services.Time);
            try
            {
                await using var snapshots = await forgetting.OpenAsync(backup.Object, place.Location, null, ended, limit.Token);
                await snapshots.ForgetAsync($"backup {backup.Name} was deleted while it was made", limit.Token);
            }
            catch (Exception e) when (SnapshotForgetting.IsFailure(e) || e is ApiException or HttpRequestException or OperationCanceledException)
            {
                services.Log.SnapshotsNotForgotten(backup.Name, place.Name, e.Message);
            }
        }
    }

    /// <summary>A backup whose first location failed is found in the next one.</summary>
    private async Task PointToAsync(BackupPlace place, CancellationToken cancellation)
    {
        if (place == backup.Places[0]) return;
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject { ["labels"] = new JsonObject { [VeleroLabels.StorageLocation] = VeleroLabels.ToLabelValue(place.Name) } },
            ["spec"] = new JsonObject { ["storageLocation"] = place.Name },
        };
        await _object.PatchAsync(patch, cancellation);
    }

    /// <summary>What the backup asks for and does not get is said in its log; silence would pass for a promise.</summary>
    private void NoteSnapshotLocations(RunLog log)
    {
        foreach (var note in backup.Snapshots.Notes) log.Warn(null, note);
    }

    private JsonObject FinalStatus(RunLog log, int items)
    {
        (Errors, Warnings) = (log.Errors, log.Warnings);
        return new JsonObject
        {
            ["phase"] = Errors > 0 ? BackupPhase.PartiallyFailed : BackupPhase.Completed,
            ["completionTimestamp"] = ApiTimeConverter.Format(services.Time.GetUtcNow()),
            ["errors"] = Errors,
            ["warnings"] = Warnings,
            ["progress"] = new JsonObject { ["totalItems"] = items, ["itemsBackedUp"] = items },
        };
    }

    private Task ReportAsync(int count, int total, bool always, CancellationToken cancellation) =>
        _object.ReportAsync(new JsonObject { ["totalItems"] = total, ["itemsBackedUp"] = count }, always, cancellation);
}
