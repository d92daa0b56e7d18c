using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Events;
using NodeAgent.Controller.Hooks;
using NodeAgent.Controller.Snapshots;
using NodeAgent.Controller.Snapshots.Csi;
using NodeAgent.Controller.Storage;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Restores;

/// <summary>
/// One restore from its start to its final phase:
/// (1) the object says InProgress; (2) the archive is unpacked; (3) definitions of custom resources come first, then what
/// they define can be discovered; (4) all other objects follow in order; (5) volumes and hooks have ended; (6) the files are uploaded
/// and the object says how it ended.
/// </summary>
internal sealed class RestoreRun(ClusterClient cluster, ControllerOptions options, AgentDirectory agents, ControllerServices services, PreparedRestore restore)
{
    private readonly RunObject _object = new(cluster, VeleroResources.Restores, restore.Object, options, services);

    /// <summary>Runs the restore and returns its final phase. Throws when it failed as a whole.</summary>
    public async Task<string> ExecuteAsync(CancellationToken cancellation)
    {
        var workDirectory = options.WorkDirectory ?? Path.GetTempPath();
        Directory.CreateDirectory(workDirectory);
        using var log = new RunLog(workDirectory, $"restore={options.Namespace}/{restore.Name}", services.Time);

        // 1. From here on the object tells that somebody works on it.
        await _object.SetStatusAsync(new JsonObject { ["phase"] = RestorePhase.InProgress, ["startTimestamp"] = ApiTimeConverter.Format(restore.Started) }, cancellation);
        // Behind the phase: a restore that is new and names both a schedule and a backup is refused.
        if (string.IsNullOrEmpty(restore.Spec.BackupName)) await _object.PatchAsync(new JsonObject { ["spec"] = new JsonObject { ["backupName"] = restore.BackupName } }, cancellation);
        log.Info($"restore of backup {restore.BackupName} begins");

        // 2. The backup's files.
        var files = new BackupFiles(restore.BackupName);
        await using var content = await restore.Bucket.OpenAsync(files.Contents, options.MaxBackupExtractionSize, cancellation) ?? throw new InvalidDataException($"{files.Contents} is missing in the location");
        using var archive = await BackupArchive.OpenAsync(content, workDirectory, options.MaxBackupExtractionSize, cancellation);
        var backups = await GzipJson.ReadAsync(restore.Bucket, files.PodVolumeBackups, cancellation) as JsonArray ?? [];
        var sources = new RestoreSources(archive, restore.Spec, restore.Policies);
        var scope = new RestoreScope(cluster.Enduring(EnduranceOf(log)), options, services.Time, log, new EventWriter(cluster, services.Time, services.Log), restore);
        var volumes = new PodVolumeRestores(scope, agents, backups);
        var takesVolumes = restore.Spec.RestorePvs != false;
        var departures = new Departures(scope);
        var csi = new CsiRestores(scope, departures, takesVolumes ? await (await CsiFiles.ReadAsync(restore.Bucket, restore.BackupName, cancellation)).WithAsync(archive, cancellation) : CsiFiles.None);
        using var snapshots = new SnapshotRestores(scope, services, takesVolumes ? await SnapshotRecords.ReadAsync(restore.Bucket, restore.BackupName, cancellation) : [], csi, departures);
        var hooks = new RestoreHookRunner(scope);
        var items = new ItemRestorer(scope, sources, volumes, snapshots, hooks, departures);
        try
        {
            // 3. and 4. The objects.
            await items.DiscoverAsync(cancellation);
            foreach (var note in restore.Notes.Concat(sources.PolicyNotes)) log.Warn(null, note);
            foreach (var mistake in restore.VersionMistakes) log.Warn(null, $"ConfigMap enableapigroupversions: \"{mistake}\" is no line of the form TYPE.GROUP=VERSION,VERSION and is passed over");
            await RestoreObjectsAsync(archive, sources, items, log, cancellation);
            items.ReportUnserved();
            volumes.ReportEmptyClaims();

            // 5. The volumes, which agents fill while objects are restored.
            await volumes.WaitAsync(cancellation);
            await hooks.FinishAsync();
        }
        catch
        {
            await volumes.TryCancelAsync();
            throw;
        }

        // 6. The end.
        var counts = new JsonObject
        {
            ["warnings"] = log.Warnings,
            ["errors"] = log.Errors,
            ["hookStatus"] = hooks.Status,
            ["progress"] = new JsonObject { ["totalItems"] = items.Handled, ["itemsRestored"] = items.Handled },
        };
        // With the counts, so that whoever takes over from here on has all there is to know.
        counts["phase"] = log.Errors > 0 ? RestorePhase.FinalizingPartiallyFailed : RestorePhase.Finalizing;
        await _object.SetStatusAsync((JsonObject)counts.DeepClone(), cancellation);
        log.Info($"{items.Handled} objects, {log.Warnings} warnings, {log.Errors} errors");
        var phase = log.Errors > 0 ? RestorePhase.PartiallyFailed : RestorePhase.Completed;
        await UploadAsync(items, volumes, snapshots, log, cancellation);
        counts["phase"] = phase;
        counts["completionTimestamp"] = ApiTimeConverter.Format(services.Time.GetUtcNow());
        await _object.SetStatusAsync(counts, cancellation);
        return phase;
    }

    private Endurance EnduranceOf(RunLog log) => new()
    {
        Ask = token => cluster.GetAsync(VeleroResources.Restores, options.Namespace, restore.Name, token),
        Patience = PodVolumeWork.TimeoutOf(restore.Object, options),
        Time = services.Time,
        Noticed = reason =>
        {
            log.Info(reason);
            services.Log.Waiting("restore", restore.Name, reason);
        },
        // A restore of the same name that was deleted before has left its label as well, and both times are the server's.
        IsOwn = item => item.Label(VeleroLabels.RestoreName) == VeleroLabels.ToLabelValue(restore.Name)
            && string.CompareOrdinal(item.Text("metadata", "creationTimestamp"), restore.Object.Text("metadata", "creationTimestamp")) >= 0,
    };

    private async Task RestoreObjectsAsync(BackupArchive archive, RestoreSources sources, ItemRestorer items, RunLog log, CancellationToken cancellation)
    {
        var definitions = KubernetesResources.CustomResourceDefinitions.GroupResource;
        foreach (var item in await SelectAsync(sources, definitions, cancellation)) await items.RestoreAsync(item, cancellation);
        if (items.Handled > 0) await items.DiscoverAsync(cancellation);

        var order = new RestorePriorities(options.RestoreResourcePriorities).Order(archive.Resources.Where(r => r != definitions && r != KubernetesResources.Namespaces.GroupResource));
        await RestoreNamespacesAsync(archive, sources, items, log, cancellation);
        var total = items.Handled + order.Sum(r => sources.Select(r).Count());
        foreach (var resource in order)
        {
            foreach (var item in await SelectAsync(sources, resource, cancellation))
            {
                await items.RestoreAsync(item, cancellation);
                await ReportAsync(Math.Max(total, items.Handled), items.Handled, cancellation);
            }
        }

        if (items.Handled == 0) log.Warn(null, "nothing in the backup matches the restore; check its namespaces, resources and selectors");
    }

    private static async Task<IReadOnlyList<ArchivedItem>> SelectAsync(RestoreSources sources, string groupResource, CancellationToken cancellation)
    {
        var candidates = sources.Select(groupResource).ToList();
        var (labels, fine) = (sources.Filter.Labels, sources.Filter.Fine);
        if (labels.IsEmpty && fine.IsEmpty) return candidates;
        var selected = new List<ArchivedItem>();
        foreach (var item in candidates)
        {
            var content = await BackupArchive.ReadAsync(item, cancellation);
            if (fine.Takes(groupResource, item.Namespace, content) ?? labels.Matches(content)) selected.Add(item);
        }

        return selected;
    }

    /// <summary>Namespaces without objects of their own are restored too, unless labels choose what is restored.</summary>
    private static async Task RestoreNamespacesAsync(BackupArchive archive, RestoreSources sources, ItemRestorer items, RunLog log, CancellationToken cancellation)
    {
        if (!sources.Filter.Labels.IsEmpty || !sources.Filter.TakesType(KubernetesResources.Namespaces.GroupResource)) return;
        foreach (var ns in archive.Items(KubernetesResources.Namespaces.GroupResource).Where(n => sources.Filter.TakesNamespace(n.Name)))
        {
            try
            {
                await items.EnsureNamespaceAsync(ns.Name, cancellation);
            }
            catch (Exception e) when (e is ApiException or HttpRequestException or InvalidDataException)
            {
                log.Error("", $"namespace {ns.Name}: {e.Message}");
            }
        }
    }

    /// <summary>
    /// The files tell what happened, and are written, as Velero does, also where accessMode is ReadOnly: that keeps backups from being made and
    /// deleted, and nobody could see otherwise how a restore from there went. A location that takes no files does not undo the restore.
    /// </summary>
    private async Task UploadAsync(ItemRestorer items, PodVolumeRestores volumes, SnapshotRestores snapshots, RunLog log, CancellationToken cancellation)
    {
        var (bucket, files) = (restore.Bucket, restore.Files);
        try
        {
            var results = log.Results();
            await bucket.PutAsync(files.Log, log.Finish(), cancellation);
            await bucket.PutAsync(files.Results, GzipJson.Encode(results), cancellation);
            await bucket.PutAsync(files.ResourceList, GzipJson.Encode(items.ResourceList()), cancellation);
            await bucket.PutAsync(files.ItemOperations, GzipJson.Encode(null), cancellation);
            await bucket.PutAsync(files.VolumeInfo, GzipJson.Encode(volumes.ToVolumeInfo(snapshots.ToVolumeInfo())), cancellation);
        }
        catch (Exception e) when (BucketFailure.IsCauseOf(e))
        {
            services.Log.FilesNotWritten("restore", restore.Name, e.Message);
        }
    }

    private Task ReportAsync(int total, int done, CancellationToken cancellation) =>
        _object.ReportAsync(new JsonObject { ["totalItems"] = total, ["itemsRestored"] = done }, always: false, cancellation);
}
