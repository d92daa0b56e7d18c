using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using NodeAgent.Agent.Backups;
using NodeAgent.Agent.Runs;
using NodeAgent.Agent.Volumes;
using NodeAgent.Filesystem;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Queues;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Kubernetes.Watching;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Agent.Restores;

/// <summary>
/// Carries out the PodVolumeRestores of pods that were scheduled to this node. A volume is filled while the pod's init container
/// <c>restore-wait</c> runs, which ends when each volume carries the restore's mark.
/// </summary>
/// <param name="pods">The pods of this node and no others.</param>
internal sealed class VolumeRestoreReconciler(
    AgentServices services, RunRegistry registry, Informer<PodVolumeRestore> restores, Informer<KubernetesObject> pods, WorkQueue<NamespacedName> queue)
{
    private const string ParallelSetting = "ParallelFilesDownload";
    private const int IssuesLogged = 20;

    private static readonly TimeSpan NotSynced = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<NamespacedName, string> _held = [];
    private readonly ConcurrentDictionary<NamespacedName, MalformedObject> _malformed = [];
    private readonly ConcurrentDictionary<string, bool> _cleaned = new(StringComparer.Ordinal);

    private AgentOptions Options => services.Options;

    /// <summary>Whether the agent of the node has or may get anything to do for it: its pod may still come to any node, and the mark of one that is complete is looked after here.</summary>
    public static bool Concerns(PodVolumeRestore restore, string node) => restore.Status?.Phase switch
    {
        PodVolumePhase.Failed or PodVolumePhase.Canceled => false,
        PodVolumePhase.Completed => restore.Status.Node == node,
        _ => true,
    };

    /// <summary>Takes note of an object that does not fit its type; call before the key is queued.</summary>
    public void Note(MalformedObject malformed) => _malformed[malformed.Item.Key] = malformed;

    /// <summary>The pod that a restore is for, as the index of the informer has it.</summary>
    public static string PodOf(PodVolumeRestore restore) => $"{restore.Spec.Pod?.Namespace}/{restore.Spec.Pod?.Name}";

    public async Task<ReconcileResult> ReconcileAsync(NamespacedName key, CancellationToken cancellation)
    {
        if (_malformed.TryRemove(key, out var malformed))
        {
            await RefuseAsync(malformed, cancellation);
            return ReconcileResult.Done;
        }

        var restore = restores.Get(key);
        var uid = restore?.Metadata.Uid ?? "";
        // Deleted, and perhaps made anew: what it asked for is not wanted any more. One that has only ended is not in the copy either.
        if (_held.TryGetValue(key, out var held) && held != uid && (uid.Length > 0 || await IsDeletedAsync(key, held, cancellation))) registry.Cancel(held);
        if (restore is null || uid.Length == 0) return ReconcileResult.Done;

        var phase = restore.Status?.Phase ?? "";
        var pod = restore.Spec.Pod is { Name: { } name } ? pods.Get(restore.Spec.Pod.Namespace, name) : null;
        if (phase == PodVolumePhase.Completed)
        {
            if (pod is not null) await TendMarkAsync(restore, pod, cancellation);
            return ReconcileResult.Done;
        }

        if (phase is PodVolumePhase.Failed or PodVolumePhase.Canceled) return ReconcileResult.Done;
        if (registry.Holds(uid))
        {
            if (restore.Spec.Cancel != true)
            {
                if (await EndOfPodAsync(restore, cancellation) is { } reason) registry.Cancel(uid, reason);
                return ReconcileResult.Done;
            }

            if (phase != PodVolumePhase.Canceling) await WriteAsync(restore, new JsonObject { ["phase"] = PodVolumePhase.Canceling }, cancellation);
            registry.Cancel(uid);
        }
        else if (restore.Metadata.DeletionTimestamp is not null)
        {
            // Nobody waits for it.
        }
        else if (phase is not (PodVolumePhase.InProgress or PodVolumePhase.Canceling))
        {
            return await StartAsync(key, uid, restore, pod, restore.Status?.Message, cancellation);
        }
        else if (restore.Status?.Node == Options.NodeName)
        {
            return await TakeUpAsync(key, uid, restore, pod, cancellation);
        }

        return ReconcileResult.Done;
    }

    /// <summary>Why a run has lost its pod; null when it has not. That a pod is not there is asked again of the API server: the copy of the pods may lag behind.</summary>
    private async Task<string?> EndOfPodAsync(PodVolumeRestore restore, CancellationToken cancellation)
    {
        if (restore.Spec.Pod is not { Namespace: { Length: > 0 } ns, Name: { Length: > 0 } name } || !pods.HasSynced) return null;
        var (uid, volume) = (restore.Spec.Pod.Uid ?? "", restore.Spec.Volume ?? "");
        if (PodEnd.OfRestore(pods.Get(ns, name), $"{ns}/{name}", uid, volume) is null) return null;
        return PodEnd.OfRestore(await services.Pods.FindAsync(ns, name, cancellation), $"{ns}/{name}", uid, volume);
    }

    /// <summary>
    /// Goes on with what an earlier agent has begun: the pod still waits for it, and files that are complete are not written again. The version
    /// in the patch makes sure that this is not an old view of a run that has just ended.
    /// </summary>
    private async Task<ReconcileResult> TakeUpAsync(NamespacedName key, string uid, PodVolumeRestore restore, KubernetesObject? pod, CancellationToken cancellation)
    {
        var attempt = Attempts.Of(restore.Status?.Message) + 1;
        if (restore.Spec.Cancel == true || restore.Status?.Phase == PodVolumePhase.Canceling) await EndAsync(restore, PodVolumePhase.Canceled, "cancelled on request", cancellation);
        else if (attempt > Attempts.Most) await EndAsync(restore, PodVolumePhase.Failed, $"{Attempts.GivenUp(Options.NodeName)}; then delete the pod and restore it again", cancellation);
        else return await StartAsync(key, uid, restore, pod, Attempts.Describe(attempt, Options.NodeName), cancellation);
        return ReconcileResult.Done;
    }

    private async Task<ReconcileResult> StartAsync(NamespacedName key, string uid, PodVolumeRestore restore, KubernetesObject? pod, string? message, CancellationToken cancellation)
    {
        if (pod is null)
        {
            // On another node, or not scheduled yet; or it was here when an earlier process took the restore in hand.
            if (restore.Status?.Node != Options.NodeName) return ReconcileResult.Done;
            // Nothing else would bring it back here when the pod turns out not to be there.
            if (!pods.HasSynced) return ReconcileResult.After(NotSynced);
            await EndAsync(restore, PodVolumePhase.Failed, $"pod {PodOf(restore)} is not on node {Options.NodeName} any more", cancellation);
        }
        else if (restore.Spec.Pod?.Uid is { Length: > 0 } wanted && wanted != pod.Uid)
        {
            await EndAsync(restore, PodVolumePhase.Failed, $"pod {pod.Key} was replaced by another of the same name since the restore was asked for", cancellation);
        }
        else if (PodEnd.OfRestore(pod, pod.Key.ToString(), pod.Uid, restore.Spec.Volume ?? "") is { } reason)
        {
            await EndAsync(restore, PodVolumePhase.Failed, reason, cancellation);
        }
        else if (restore.Spec.Cancel == true)
        {
            await EndAsync(restore, PodVolumePhase.Canceled, "cancelled before it was started", cancellation);
        }
        else
        {
            switch (RestoreWait.StateOf(pod))
            {
                case RestoreWaitState.Missing:
                    await EndAsync(restore, PodVolumePhase.Failed, $"pod {pod.Key} has no init container {VeleroLabels.RestoreWaitContainer}: nothing would keep its containers from the half-restored volume", cancellation);
                    break;
                case RestoreWaitState.Ended:
                    await EndAsync(restore, PodVolumePhase.Failed, $"the init container {VeleroLabels.RestoreWaitContainer} of pod {pod.Key} has ended before its volume was restored; delete the pod and restore it again", cancellation);
                    break;
                case RestoreWaitState.Running:
                    await TakeAsync(key, uid, restore, pod, message, cancellation);
                    break;
            }
        }

        return ReconcileResult.Done;
    }

    private async Task TakeAsync(NamespacedName key, string uid, PodVolumeRestore restore, KubernetesObject pod, string? message, CancellationToken cancellation)
    {
        await WriteAsync(restore, new JsonObject { ["phase"] = PodVolumePhase.Accepted, ["message"] = message ?? "", ["node"] = Options.NodeName, ["acceptedTimestamp"] = ApiTimeConverter.Format(services.Time.GetUtcNow()) }, cancellation);
        _held[key] = uid;
        registry.TryStart(
            uid,
            token => RunAsync(key, restore, pod, token),
            () =>
            {
                _held.TryRemove(new KeyValuePair<NamespacedName, string>(key, uid));
                queue.Add(key);
            });
    }

    private async Task RunAsync(NamespacedName key, PodVolumeRestore restore, KubernetesObject pod, CancellationToken cancellation)
    {
        var started = services.Time.GetTimestamp();
        var bytes = 0L;
        var phase = await VolumeRun.ExecuteAsync(
            services,
            registry,
            VeleroResources.PodVolumeRestores,
            key,
            restore.Metadata.Uid!,
            async (status, token) =>
            {
                var (outcome, restored) = await RestoreAsync(key, restore, pod, status, token);
                bytes = restored;
                return outcome;
            },
            cancellation);
        if (phase is not null) services.Telemetry.RestoreEnded(phase, bytes, services.Time.GetElapsedTime(started));
    }

    private async Task<(RunOutcome Outcome, long Bytes)> RestoreAsync(NamespacedName key, PodVolumeRestore restore, KubernetesObject pod, RunStatus status, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var spec = restore.Spec;
        if (string.IsNullOrEmpty(spec.Volume)) throw new AgentException("spec.volume: the name of a volume of the pod is needed");
        if (string.IsNullOrEmpty(spec.BackupStorageLocation)) throw new AgentException("spec.backupStorageLocation: the name of a location is needed");
        if (!SnapshotId.TryParse(spec.SnapshotId, out var id)) throw new AgentException($"spec.snapshotID: \"{spec.SnapshotId}\" is no snapshot of this program's repository");
        var mark = MarkOf(restore) ?? throw new AgentException($"the label {VeleroLabels.RestoreUid} is missing: without the restore's uid the pod cannot be told that its volume is complete");
        var volume = await services.Volumes.FindAsync(pod, spec.Volume, cancellation);
        await using var lease = await services.Repositories.OpenAsync(spec.BackupStorageLocation, forWriting: false, cancellation);
        var repository = lease.Repository;
        var snapshot = await new SnapshotCatalog(repository).GetAsync(id, cancellation);
        // One that earlier runs have opened may have read its index before the snapshot was made.
        await repository.RefreshIndexAsync(cancellation);
        await status.PatchAsync(new JsonObject { ["phase"] = PodVolumePhase.InProgress, ["startTimestamp"] = status.Now }, cancellation);
        services.Log.Begun(VeleroResources.PodVolumeRestores.Kind, key.Name, volume.Path);

        var request = new RestoreRequest
        {
            TargetPath = volume.Path,
            TrustedDirectory = Options.HostPods,
            TargetIdentity = volume.Identity,
            Excludes = [RestoreMark.Exclude],
            Workers = VolumeBackupReconciler.WorkersOf(spec.UploaderSettings, ParallelSetting),
            Memory = services.Memory.OfRestore,
            VolatileLimit = services.Memory.OfVolatileFiles(),
            Time = services.Time,
        };
        if (WorkerCount.ForRestore(request.Workers, request.Memory) is { IsBounded: true } workers) services.Log.FewerWorkers(VeleroResources.PodVolumeRestores.Kind, key.Name, workers.Number, workers.Wanted);
        var result = await RestoreRun.ExecuteAsync(repository, snapshot.Manifest, request, status, cancellation);
        foreach (var issue in result.Issues.Take(IssuesLogged)) services.Log.FileIssue(VeleroResources.PodVolumeRestores.Kind, key.Name, issue.ToString());
        var total = snapshot.Manifest.Stats.Bytes;
        // Further names of one file count in the total and are not written again: a complete restore is all of it.
        var end = new JsonObject { ["progress"] = RunStatus.ToJson(total, result.IsComplete ? total : Math.Min(total, result.Bytes)) };
        // With files missing that the snapshot has, the pod stays where it is: an application must not start on half of its data.
        // What the snapshot itself lacks was told when it was made, and a second restore would not bring it back either.
        if (result.IssueCount > result.MetadataIssueCount)
            return (new RunOutcome(PodVolumePhase.Failed, VolumeRun.Describe(result.IssueCount, "restored", [.. result.Issues.OrderBy(i => i.IsMetadataOnly).Take(1)]), end), result.Bytes);
        // Data that nobody will ever see is not restored, however complete.
        if (PodEnd.OfRestore(await services.Pods.FindPatientlyAsync(pod.Namespace, pod.Name, cancellation), pod.Key.ToString(), pod.Uid, spec.Volume) is { } lost)
            return (new RunOutcome(PodVolumePhase.Failed, lost, end), result.Bytes);
        if (volume.IsGone()) throw new AgentException($"{volume.Path}: the volume was unmounted or removed while it was restored");
        await MarkAsync(pod, spec.Volume, volume.Path, mark, cancellation);
        var remark = result.IsComplete ? null : $"all that the snapshot has is back; {result.IssueCount} {(result.IssueCount == 1 ? "remark" : "remarks")}, the first: {result.Issues[0]}";
        return (new RunOutcome(PodVolumePhase.Completed, remark, end), result.Bytes);
    }

    /// <summary>Tells the init container that a volume is complete, where that container looks.</summary>
    private async Task MarkAsync(KubernetesObject pod, string volume, string path, string mark, CancellationToken cancellation)
    {
        if (!RestoreWait.HasMarksVolume(pod)) RestoreMark.Write(path, mark, Options.HostPods);
        else RestoreMark.WriteBeside((await services.Volumes.FindAsync(pod, VeleroLabels.RestoreMarksVolume, cancellation)).Path, volume, mark, Options.HostPods);
    }

    /// <summary>
    /// Looks after the mark of a restore that is complete: removes it where the init container could not, for want of rights on the
    /// volume; writes it again for an init container that was started anew, as kubelets do when a node comes up again.
    /// </summary>
    private async Task TendMarkAsync(PodVolumeRestore restore, KubernetesObject pod, CancellationToken cancellation)
    {
        var uid = restore.Metadata.Uid!;
        if (MarkOf(restore) is not { } mark || string.IsNullOrEmpty(restore.Spec.Volume)) return;
        var isOver = RestoreWait.StateOf(pod) == RestoreWaitState.Ended && _cleaned.TryAdd(uid, true);
        var isAgain = RestoreWait.StateOf(pod) == RestoreWaitState.Running && RestoreWait.StartedAt(pod) > restore.Status?.CompletionTimestamp;
        if (!isOver && !isAgain) return;
        if (restore.Spec.Pod?.Uid is { Length: > 0 } wanted && wanted != pod.Uid) return;
        try
        {
            var volume = await services.Volumes.FindAsync(pod, restore.Spec.Volume, cancellation);
            if (isAgain)
            {
                _cleaned.TryRemove(uid, out _);
                await MarkAsync(pod, restore.Spec.Volume, volume.Path, mark, cancellation);
            }
            else if (RestoreMark.Exists(volume.Path, mark, Options.HostPods))
            {
                RestoreMark.Remove(volume.Path, Options.HostPods);
            }
        }
        catch (Exception e) when (e is AgentException or IOException)
        {
            services.Log.MarkStays(restore.Metadata.Name ?? "", e.Message);
        }
    }

    /// <summary>The UID of the restore, which the init container waits for; null when the object does not say.</summary>
    private static string? MarkOf(PodVolumeRestore restore)
    {
        var uid = restore.Metadata.Labels?.GetValueOrDefault(VeleroLabels.RestoreUid)
            ?? restore.Metadata.OwnerReferences?.FirstOrDefault(o => o.Kind == Restore.KindName)?.Uid;
        return string.IsNullOrEmpty(uid) || uid is "." or ".." || uid.Contains('/', StringComparison.Ordinal) ? null : uid;
    }

    private async Task<bool> IsDeletedAsync(NamespacedName key, string uid, CancellationToken cancellation) =>
        (await services.Client.FindAsync(VeleroResources.PodVolumeRestores, key.Namespace, key.Name, cancellation))?.Uid != uid;

    private async Task RefuseAsync(MalformedObject malformed, CancellationToken cancellation)
    {
        var item = malformed.Item;
        if (item.Spec?["pod"] is not JsonObject pod || pods.Get(pod["namespace"]?.ToString(), pod["name"]?.ToString() ?? "") is null) return;
        if (item.Status?["phase"]?.ToString() is PodVolumePhase.Completed or PodVolumePhase.Failed or PodVolumePhase.Canceled) return;
        await services.Client.PatchStatusAsync(
            VeleroResources.PodVolumeRestores, item.Namespace, item.Name, EndOf(PodVolumePhase.Failed, $"the object is malformed: {malformed.Problem}"), item.ResourceVersion, cancellation);
    }

    private Task EndAsync(PodVolumeRestore restore, string phase, string message, CancellationToken cancellation) => WriteAsync(restore, EndOf(phase, message), cancellation);

    private JsonObject EndOf(string phase, string message) => new()
    {
        ["phase"] = phase,
        ["message"] = message,
        ["node"] = Options.NodeName,
        ["completionTimestamp"] = ApiTimeConverter.Format(services.Time.GetUtcNow()),
    };

    private async Task WriteAsync(PodVolumeRestore restore, JsonObject status, CancellationToken cancellation) => await services.Client.PatchStatusAsync(
        VeleroResources.PodVolumeRestores, restore.Metadata.Namespace, restore.Metadata.Name!, status, restore.Metadata.ResourceVersion, cancellation);
}
