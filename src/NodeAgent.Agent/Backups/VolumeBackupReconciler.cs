using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Agent.Runs;
using NodeAgent.Agent.Volumes;
using NodeAgent.Filesystem;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Queues;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Kubernetes.Watching;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Agent.Backups;

/// <summary>Carries out the PodVolumeBackups of this node: takes them in hand, ends them on request and with their pods, and takes up those that an earlier agent left.</summary>
/// <param name="pods">The pods of this node and no others.</param>
internal sealed class VolumeBackupReconciler(
    AgentServices services, RunRegistry registry, Informer<PodVolumeBackup> backups, Informer<KubernetesObject> pods, WorkQueue<NamespacedName> queue)
{
    private const string ParallelSetting = "ParallelFilesUpload";
    private const int IssuesLogged = 20;

    private readonly ConcurrentDictionary<NamespacedName, string> _held = [];
    private readonly ConcurrentDictionary<NamespacedName, MalformedObject> _malformed = [];

    private AgentOptions Options => services.Options;

    /// <summary>Whether the agent of the node has or may get anything to do for it.</summary>
    public static bool Concerns(PodVolumeBackup backup, string node) =>
        backup.Spec.Node == node && backup.Status?.Phase is not (PodVolumePhase.Completed or PodVolumePhase.Failed or PodVolumePhase.Canceled);

    /// <summary>Takes note of an object that does not fit its type; call before the key is queued.</summary>
    public void Note(MalformedObject malformed) => _malformed[malformed.Item.Key] = malformed;

    /// <summary>The pod that a backup is of, as the index of the informer has it.</summary>
    public static string PodOf(PodVolumeBackup backup) => $"{backup.Spec.Pod?.Namespace}/{backup.Spec.Pod?.Name}";

    public async Task<ReconcileResult> ReconcileAsync(NamespacedName key, CancellationToken cancellation)
    {
        if (_malformed.TryRemove(key, out var malformed))
        {
            await RefuseAsync(malformed, cancellation);
            return ReconcileResult.Done;
        }

        var backup = backups.Get(key);
        var uid = backup?.Metadata.Uid ?? "";
        // Deleted, and perhaps made anew: what it asked for is not wanted any more. One that has only ended is not in the copy either.
        if (_held.TryGetValue(key, out var held) && held != uid && (uid.Length > 0 || await IsDeletedAsync(key, held, cancellation))) registry.Cancel(held);
        if (backup is null || uid.Length == 0 || backup.Spec.Node != Options.NodeName) return ReconcileResult.Done;

        var phase = backup.Status?.Phase ?? "";
        if (phase is PodVolumePhase.Completed or PodVolumePhase.Failed or PodVolumePhase.Canceled) return ReconcileResult.Done;
        if (registry.Holds(uid))
        {
            if (backup.Spec.Cancel != true)
            {
                if (await EndOfPodAsync(backup, cancellation) is { } reason) registry.Cancel(uid, reason);
                return ReconcileResult.Done;
            }

            if (phase != PodVolumePhase.Canceling) await WriteAsync(backup, new JsonObject { ["phase"] = PodVolumePhase.Canceling }, cancellation);
            registry.Cancel(uid);
        }
        else if (backup.Metadata.DeletionTimestamp is not null)
        {
            // Nobody waits for it.
        }
        else if (backup.Spec.Cancel == true || phase == PodVolumePhase.Canceling)
        {
            await EndAsync(backup, PodVolumePhase.Canceled, phase is PodVolumePhase.InProgress or PodVolumePhase.Canceling ? "cancelled on request" : "cancelled before it was started", cancellation);
        }
        else if (phase == PodVolumePhase.InProgress)
        {
            // Of an earlier agent: nobody has it in hand. The version in the patch makes sure that this is not an old view of a run that has just
            // ended. What was stored need not be stored again.
            var attempt = Attempts.Of(backup.Status?.Message) + 1;
            if (attempt > Attempts.Most) await EndAsync(backup, PodVolumePhase.Failed, Attempts.GivenUp(Options.NodeName), cancellation);
            else await TakeAsync(key, uid, backup, Attempts.Describe(attempt, Options.NodeName), cancellation);
        }
        else
        {
            await TakeAsync(key, uid, backup, backup.Status?.Message, cancellation);
        }

        return ReconcileResult.Done;
    }

    /// <summary>Why a run has lost its pod; null when it has not. That a pod is not there is asked again of the API server: the copy of the pods may lag behind.</summary>
    private async Task<string?> EndOfPodAsync(PodVolumeBackup backup, CancellationToken cancellation)
    {
        if (backup.Spec.Pod is not { Namespace: { Length: > 0 } ns, Name: { Length: > 0 } name } || !pods.HasSynced) return null;
        var (uid, volume) = (backup.Spec.Pod.Uid ?? "", backup.Spec.Volume ?? "");
        if (PodEnd.OfBackup(pods.Get(ns, name), $"{ns}/{name}", uid, volume) is null) return null;
        return PodEnd.OfBackup(await services.Pods.FindAsync(ns, name, cancellation), $"{ns}/{name}", uid, volume);
    }

    private async Task TakeAsync(NamespacedName key, string uid, PodVolumeBackup backup, string? message, CancellationToken cancellation)
    {
        await WriteAsync(backup, new JsonObject { ["phase"] = PodVolumePhase.Accepted, ["message"] = message ?? "", ["acceptedTimestamp"] = ApiTimeConverter.Format(services.Time.GetUtcNow()) }, cancellation);
        _held[key] = uid;
        var taken = registry.TryStart(
            uid,
            token => RunAsync(key, backup, token),
            () =>
            {
                _held.TryRemove(new KeyValuePair<NamespacedName, string>(key, uid));
                // What was asked for meanwhile is looked at now.
                queue.Add(key);
            });
        if (taken) services.Telemetry.BackupTaken();
    }

    private async Task RunAsync(NamespacedName key, PodVolumeBackup backup, CancellationToken cancellation)
    {
        var started = services.Time.GetTimestamp();
        var phase = await VolumeRun.ExecuteAsync(services, registry, VeleroResources.PodVolumeBackups, key, backup.Metadata.Uid!, (status, token) => BackUpAsync(key, backup, status, token), cancellation);
        if (phase is not null) services.Telemetry.BackupEnded(phase, services.Time.GetElapsedTime(started));
    }

    private async Task<RunOutcome> BackUpAsync(NamespacedName key, PodVolumeBackup backup, RunStatus status, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var spec = backup.Spec;
        if (spec.Pod is not { Namespace: { Length: > 0 } ns, Name: { Length: > 0 } name }) throw new AgentException("spec.pod: namespace and name are needed");
        if (string.IsNullOrEmpty(spec.Volume)) throw new AgentException("spec.volume: the name of a volume of the pod is needed");
        if (string.IsNullOrEmpty(spec.BackupStorageLocation)) throw new AgentException("spec.backupStorageLocation: the name of a location is needed");
        var found = await services.Pods.FindAsync(ns, name, cancellation);
        if (PodEnd.OfBackup(found, $"{ns}/{name}", spec.Pod.Uid ?? "", spec.Volume) is { } end) throw new AgentException(end);
        var pod = found!;
        var volume = await services.Volumes.FindAsync(pod, spec.Volume, cancellation);
        await using var lease = await services.Repositories.OpenAsync(spec.BackupStorageLocation, forWriting: true, cancellation);
        await status.PatchAsync(new JsonObject { ["phase"] = PodVolumePhase.InProgress, ["startTimestamp"] = status.Now, ["path"] = volume.Path }, cancellation);
        services.Log.Begun(VeleroResources.PodVolumeBackups.Kind, key.Name, volume.Path);

        var request = new BackupRequest
        {
            SourcePath = volume.Path,
            TrustedDirectory = Options.HostPods,
            SourceIdentity = volume.Identity,
            Sources = services.Snapshots,
            Source = new SnapshotSource
            {
                Kind = SnapshotSource.PodVolume,
                Path = volume.Path,
                Namespace = ns,
                Pod = name,
                PodUid = pod.Uid,
                Volume = spec.Volume,
                Pvc = volume.Claim,
                Node = Options.NodeName,
            },
            Tags = spec.Tags ?? new Dictionary<string, string>(),
            Hostname = Options.NodeName,
            Program = Options.Program,
            Parent = spec.ParentSnapshot is { Length: > 0 } parent ? parent : "auto",
            Excludes = [RestoreMark.Exclude],
            // What somebody mounted into the volume, a bucket or a share say, is not of it; what the server of the volume has in it is.
            OneFileSystem = true,
            WithServerMounts = true,
            Workers = WorkersOf(spec.UploaderSettings, ParallelSetting),
            Memory = services.Memory.OfBackup,
            Time = services.Time,
        };
        if (WorkerCount.ForBackup(request.Workers, request.Memory) is { IsBounded: true } workers) services.Log.FewerWorkers(VeleroResources.PodVolumeBackups.Kind, key.Name, workers.Number, workers.Wanted);
        var result = await BackupRun.ExecuteAsync(lease.Repository, request, status, cancellation);
        var manifest = result.Manifest;
        services.Telemetry.BackupStored(manifest.Stats.Bytes, manifest.Stats.NewBytes, manifest.Stats.StoredBytes);
        foreach (var issue in manifest.Issues.Take(IssuesLogged)) services.Log.FileIssue(VeleroResources.PodVolumeBackups.Kind, key.Name, $"{issue.Display}: {issue.Operation}: {issue.Error}");
        var leftOut = result.LeftOut.ToString();
        if (leftOut is not null) services.Log.FileIssue(VeleroResources.PodVolumeBackups.Kind, key.Name, leftOut);
        // What was taken away under the walk looks like an empty directory: without this look it would pass for a complete backup.
        var lost = PodEnd.OfBackup(await services.Pods.FindPatientlyAsync(ns, name, cancellation), $"{ns}/{name}", pod.Uid, spec.Volume);
        if (lost is null && volume.IsGone()) throw new AgentException($"{volume.Path}: the volume was unmounted or removed while it was read");
        var ended = new JsonObject
        {
            ["snapshotID"] = result.Id.ToString(),
            ["progress"] = RunStatus.ToJson(manifest.Stats.Bytes, manifest.Stats.Bytes),
            ["incrementalBytes"] = manifest.Stats.NewBytes,
        };
        // The snapshot id stands in either case: all the other files can be restored from it.
        if (lost is not null) return new RunOutcome(PodVolumePhase.Failed, lost, ended);
        return result.IsComplete
            ? new RunOutcome(PodVolumePhase.Completed, leftOut, ended)
            : new RunOutcome(
                PodVolumePhase.Failed,
                VolumeRun.Describe(manifest.IssueCount, "backed up", [.. manifest.Issues.Take(1).Select(i => new FileIssue(i.Path, i.Operation, i.Error))]) + "; all others are in the snapshot",
                ended);
    }

    /// <summary>The user's number of files at once; 0 leaves it to the run.</summary>
    internal static int WorkersOf(IReadOnlyDictionary<string, string>? settings, string name) =>
        settings is not null && settings.TryGetValue(name, out var text) && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? Math.Min(number, 64) : 0;

    private async Task<bool> IsDeletedAsync(NamespacedName key, string uid, CancellationToken cancellation) =>
        (await services.Client.FindAsync(VeleroResources.PodVolumeBackups, key.Namespace, key.Name, cancellation))?.Uid != uid;

    private async Task RefuseAsync(MalformedObject malformed, CancellationToken cancellation)
    {
        var item = malformed.Item;
        if (item.Spec?["node"] is not JsonValue node || !node.TryGetValue<string>(out var name) || name != Options.NodeName) return;
        if (item.Status?["phase"]?.ToString() is PodVolumePhase.Completed or PodVolumePhase.Failed or PodVolumePhase.Canceled) return;
        await services.Client.PatchStatusAsync(
            VeleroResources.PodVolumeBackups, item.Namespace, item.Name, EndOf(PodVolumePhase.Failed, $"the object is malformed: {malformed.Problem}"), item.ResourceVersion, cancellation);
    }

    private Task EndAsync(PodVolumeBackup backup, string phase, string message, CancellationToken cancellation) => WriteAsync(backup, EndOf(phase, message), cancellation);

    private JsonObject EndOf(string phase, string message) => new() { ["phase"] = phase, ["message"] = message, ["completionTimestamp"] = ApiTimeConverter.Format(services.Time.GetUtcNow()) };

    private async Task WriteAsync(PodVolumeBackup backup, JsonObject status, CancellationToken cancellation) => await services.Client.PatchStatusAsync(
        VeleroResources.PodVolumeBackups, backup.Metadata.Namespace, backup.Metadata.Name!, status, backup.Metadata.ResourceVersion, cancellation);
}
