using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Restores.Mappings;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Restores;

/// <summary>
/// The volumes of one restore: pods wait in an init container until agents have filled their volumes. Not for concurrent use.
/// </summary>
internal sealed class PodVolumeRestores(RestoreScope scope, AgentDirectory agents, JsonArray backups)
{
    // A scheduler takes a moment, and so does a provisioner of volumes.
    private static readonly TimeSpan UnscheduledNotice = TimeSpan.FromMinutes(1);

    private readonly Lazy<WaitContainer> _waitContainer = new(() => new WaitContainer(scope));
    private readonly PodVolumeWork _work = new(scope.Cluster.Plain, scope.Options, scope.Time);
    private readonly Dictionary<string, List<string>> _byPod = new(StringComparer.Ordinal);
    private readonly List<JsonObject> _made = [];
    private readonly HashSet<string> _claimsOfPods = new(StringComparer.Ordinal);
    private readonly List<string> _newClaims = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when no volume is filled any more.</summary>
    public Task Ended => _ended.Task;

    private string Selector => $"{VeleroLabels.RestoreUid}={scope.Restore.Uid}";

    /// <summary>Claims whose files are in the backup, as namespace/name.</summary>
    public IReadOnlySet<string> ClaimsWithData { get; } = backups.OfType<JsonObject>()
        .Where(b => !string.IsNullOrEmpty(b.Text("status", "snapshotID"))).Select(ClaimOf).OfType<string>().ToHashSet(StringComparer.Ordinal);

    /// <summary>Puts the init container into a pod that gets volumes back.</summary>
    public void AddWaitContainer(JsonObject pod, string originalNamespace)
    {
        var volumes = Matching(pod, originalNamespace).Select(b => b.Text("spec", "volume")!).ToList();
        if (volumes.Count == 0) return;
        OpenForFilling(pod.Child("spec"), volumes);
        _waitContainer.Value.Add(pod, volumes);
    }

    /// <summary>What a pod has for reading only is mounted so on the node too, where its files are to be written: its containers get it for reading only instead.</summary>
    private static void OpenForFilling(JsonObject spec, IReadOnlyCollection<string> volumes)
    {
        foreach (var volume in spec.Objects("volumes").Where(v => v.IsTrue("persistentVolumeClaim", "readOnly") && volumes.Contains(v.Text("name"))))
        {
            volume.Child("persistentVolumeClaim").Remove("readOnly");
            var mounts = spec.Objects("initContainers").Concat(spec.Objects("containers")).SelectMany(c => c.Objects("volumeMounts"));
            foreach (var mount in mounts.Where(m => m.Text("name") == volume.Text("name"))) mount["readOnly"] = true;
        }
    }

    /// <summary>Requests the volumes of a pod that was just created.</summary>
    public async Task RequestAsync(JsonObject pod, string originalNamespace, CancellationToken cancellation)
    {
        _claimsOfPods.UnionWith(InPod(pod, originalNamespace).Select(ClaimOf).OfType<string>());
        foreach (var unreadable in InPod(pod, originalNamespace).Where(b => !IsOurs(b)))
        {
            scope.Log.Error(pod.Namespace(), $"volume {unreadable.Text("spec", "volume")} of pod {pod.QualifiedName()}: its data was written by Velero's uploader, which this program does not read; the volume stays empty");
        }

        foreach (var backup in Matching(pod, originalNamespace))
        {
            var what = $"volume {backup.Text("spec", "volume")} of pod {pod.QualifiedName()}";
            try
            {
                var request = await BuildAsync(pod, originalNamespace, backup, cancellation);
                var made = await scope.Cluster.CreateAsync(VeleroResources.PodVolumeRestores, scope.Options.Namespace, request, cancellation);
                _made.Add(made);
                if (!_byPod.TryGetValue(pod.QualifiedName(), out var names)) _byPod[pod.QualifiedName()] = names = [];
                names.Add(made.Name());
                scope.Log.Info($"{what}: requested as {made.Name()}");
            }
            catch (Exception e) when (e is ApiException or HttpRequestException)
            {
                // The pod itself must not go: whoever owns it would replace it at once by one that runs on the empty volume.
                scope.Log.Error(pod.Namespace(), $"{what} could not be requested, and the pod waits for it in its init container {VeleroLabels.RestoreWaitContainer}; mend the cause, delete the pod and restore again: {e.Message}");
            }
        }
    }

    /// <summary>Waits until all requested volumes have ended; those that failed are errors of the restore.</summary>
    public async Task WaitAsync(CancellationToken cancellation)
    {
        try
        {
            await WaitForEndAsync(cancellation);
        }
        finally
        {
            _ended.TrySetResult();
        }
    }

    private async Task WaitForEndAsync(CancellationToken cancellation)
    {
        await Task.WhenAll(_byPod.Select(p => CheckNodeAsync(p.Key, p.Value, cancellation)));
        var timeout = PodVolumeWork.TimeoutOf(scope.Restore.Object, scope.Options);
        var names = _made.Select(m => m.Name()).ToHashSet(StringComparer.Ordinal);
        var found = await _work.WaitAsync(VeleroResources.PodVolumeRestores, Selector, names, timeout, agents, scope.Log, cancellation);
        foreach (var request in _made)
        {
            var ns = request.Text("spec", "pod", "namespace");
            var what = $"volume {request.Text("spec", "volume")} of pod {ns}/{request.Text("spec", "pod", "name")}";
            if (!found.TryGetValue(request.Name(), out var result)) scope.Log.Error(ns, $"{what}: {request.Name()} was deleted before it ended");
            else if (result.Text("status", "phase") == PodVolumePhase.Completed) scope.Log.Info($"{what}: restored");
            else await ReportAsync(ns, what, request, result, cancellation);
        }
    }

    /// <summary>Says it in the log of the restore, and on the pod: who looks at a pod that does not start looks there.</summary>
    private async Task ReportAsync(string? ns, string what, JsonObject request, JsonObject result, CancellationToken cancellation)
    {
        var why = $"{result.Text("status", "phase") ?? "New"}: {result.Text("status", "message") ?? "no agent took it up; see that the pod is scheduled and its init container runs"}";
        scope.Log.Error(ns, $"{what}: {why}");
        var pod = new JsonObject
        {
            ["metadata"] = new JsonObject { ["namespace"] = ns, ["name"] = request.Text("spec", "pod", "name"), ["uid"] = request.Text("spec", "pod", "uid") },
        };
        var message = $"Volume {request.Text("spec", "volume")} was not restored ({why}). The pod waits for it in its init container {VeleroLabels.RestoreWaitContainer}: mend the cause, delete the pod and restore it again (restore {scope.Restore.Name})";
        await scope.Events.WriteAsync(pod, "v1", "Pod", isWarning: true, "VolumeNotRestored", message, again: false, cancellation);
    }

    /// <summary>Remembers a claim of the backup that was made new and empty, since its files are to be restored into it.</summary>
    public void NoteNew(string originalNamespace, string claim)
    {
        if (ClaimsWithData.Contains($"{originalNamespace}/{claim}")) _newClaims.Add($"{originalNamespace}/{claim}");
    }

    /// <summary>Says which claims stay empty: files come back through the pod that they were read from, which may not be among the objects of this restore.</summary>
    public void ReportEmptyClaims()
    {
        foreach (var claim in _newClaims.Where(c => !_claimsOfPods.Contains(c)))
        {
            var (ns, name) = (claim[..claim.IndexOf('/')], claim[(claim.IndexOf('/') + 1)..]);
            var pods = backups.OfType<JsonObject>().Where(b => ClaimOf(b) == claim).Select(b => b.Text("spec", "pod", "name")).Distinct();
            scope.Log.Warn(scope.Restore.Map(ns), $"persistentvolumeclaims {scope.Restore.Map(ns)}/{name} is new and empty: its files are in the backup and come back with pod {string.Join(" or ", pods)}, which this restore did not make; delete the claim and restore it together with the pod");
        }
    }

    public Task TryCancelAsync() => _work.TryCancelAllAsync(VeleroResources.PodVolumeRestores, Selector);

    /// <summary>The volumeinfo file of the restore.</summary>
    /// <param name="snapshots">The entries of the volumes that came from snapshots.</param>
    public JsonArray ToVolumeInfo(IEnumerable<JsonObject> snapshots) => new([.. snapshots, .. _made.Select(m => (JsonNode)new JsonObject
    {
        ["restoreMethod"] = "PodVolumeRestore",
        ["snapshotDataMoved"] = false,
        ["pvrInfo"] = new JsonObject
        {
            ["snapshotHandle"] = m.Text("spec", "snapshotID"),
            ["size"] = m.Number("spec", "snapshotSize"),
            ["uploaderType"] = m.Text("spec", "uploaderType") ?? "",
            ["volumeName"] = m.Text("spec", "volume"),
            ["podName"] = m.Text("spec", "pod", "name"),
            ["podNamespace"] = m.Text("spec", "pod", "namespace"),
        },
    })]);

    private static string? ClaimOf(JsonObject backup) => backup.Annotation(VeleroLabels.PvcName) is { } claim ? $"{backup.Text("spec", "pod", "namespace")}/{claim}" : null;

    private static bool IsOurs(JsonObject backup) => backup.Annotation(VeleroLabels.DataFormat) is not null;

    private IEnumerable<JsonObject> Matching(JsonObject pod, string originalNamespace) => InPod(pod, originalNamespace).Where(IsOurs);

    private IEnumerable<JsonObject> InPod(JsonObject pod, string originalNamespace)
    {
        var volumes = pod.Objects("spec", "volumes")
            .Where(v => v["projected"] is null && v["downwardAPI"] is null).Select(v => v.Text("name") ?? "").ToHashSet(StringComparer.Ordinal);
        return backups.OfType<JsonObject>().Where(b =>
            b.Text("spec", "pod", "name") == pod.Name() && b.Text("spec", "pod", "namespace") == originalNamespace
            && !string.IsNullOrEmpty(b.Text("status", "snapshotID")) && volumes.Contains(b.Text("spec", "volume") ?? ""));
    }

    /// <summary>A pod on a node that no agent serves would wait for ever; its volumes fail instead.</summary>
    private async Task CheckNodeAsync(string podName, List<string> requests, CancellationToken cancellation)
    {
        var parts = podName.Split('/');
        var started = scope.Time.GetTimestamp();
        var seen = started;
        // An agent that is being replaced, as at an upgrade, is away for a moment.
        (string Node, long Since)? unserved = null;
        var isTold = false;
        while (scope.Time.GetElapsedTime(started) < scope.Options.ResourceTimeout)
        {
            try
            {
                (seen, var pod) = await scope.Pods.AfterAsync(seen, parts[0], parts[1], cancellation);
                if (pod is null)
                {
                    // As one of a node that this cluster does not have, which its controller removes.
                    await FailAsync(requests, "the pod was deleted before its volumes were restored", cancellation);
                    return;
                }

                if (pod.Text("spec", "nodeName") is { Length: > 0 } node)
                {
                    if (await agents.IsServedAsync(node, cancellation)) return;
                    unserved ??= (node, scope.Time.GetTimestamp());
                    if (scope.Time.GetElapsedTime(unserved.Value.Since) >= scope.Options.HeartbeatTimeout) break;
                }
                else if (!isTold && scope.Time.GetElapsedTime(started) >= UnscheduledNotice && ReasonOfScheduler(pod) is { } reason)
                {
                    isTold = true;
                    // As of a claim whose storage class makes no volumes: what is needed has to be made by hand, and the sooner it is known the better.
                    scope.Log.Warn(parts[0], $"pod {podName} finds no node, and its volumes wait for that: {reason}");
                }
            }
            catch (Exception e) when (Outage.IsCauseOf(e))
            {
                // Asked again below.
            }

            await Task.Delay(PollPace.After(scope.Time.GetElapsedTime(started), scope.Options.PollInterval), scope.Time, cancellation);
        }

        if (unserved is { } lack)
        {
            await FailAsync(requests, $"no agent runs on node {lack.Node}; see that the agent's DaemonSet covers it", cancellation);
            return;
        }

        scope.Log.Info($"pod {podName} was not scheduled within {GoDuration.Format(scope.Options.ResourceTimeout)}; its volumes are waited for all the same");
    }

    /// <summary>Ends the requests that no agent has taken up; with one that an agent works on, or has ended, it is the agent that knows.</summary>
    private async Task FailAsync(List<string> requests, string reason, CancellationToken cancellation)
    {
        foreach (var name in requests)
        {
            var status = new JsonObject
            {
                ["phase"] = PodVolumePhase.Failed,
                ["message"] = reason,
                ["completionTimestamp"] = ApiTimeConverter.Format(scope.Time.GetUtcNow()),
            };
            while (await scope.Cluster.GetAsync(VeleroResources.PodVolumeRestores, scope.Options.Namespace, name, cancellation) is { } request && PodVolumeWork.IsNew(request))
            {
                try
                {
                    await scope.Cluster.PatchStatusAsync(VeleroResources.PodVolumeRestores, scope.Options.Namespace, name, status, cancellation, request.Text("metadata", "resourceVersion"));
                    break;
                }
                catch (ApiException e) when (e.IsConflict)
                {
                    // It was changed behind the look, perhaps because an agent has taken it up.
                }
            }
        }
    }

    private static string? ReasonOfScheduler(JsonObject pod) =>
        pod.Objects("status", "conditions").FirstOrDefault(c => c.Text("type") == "PodScheduled" && c.Text("status") == "False").Text("message");

    private async Task<JsonObject> BuildAsync(JsonObject pod, string originalNamespace, JsonObject backup, CancellationToken cancellation)
    {
        var volume = backup.Text("spec", "volume")!;
        var labels = new Dictionary<string, string>
        {
            [VeleroLabels.RestoreName] = VeleroLabels.ToLabelValue(scope.Restore.Name),
            [VeleroLabels.RestoreUid] = scope.Restore.Uid,
            [VeleroLabels.PodUid] = pod.Uid(),
        };
        var claimName = pod.Objects("spec", "volumes").FirstOrDefault(v => v.Text("name") == volume).Text("persistentVolumeClaim", "claimName");
        if (claimName is not null && await scope.Cluster.GetAsync(KubernetesResources.PersistentVolumeClaims, pod.Namespace(), claimName, cancellation) is { } claim)
        {
            labels[VeleroLabels.PvcUid] = claim.Uid();
        }

        var settings = new Dictionary<string, string>();
        if (scope.Restore.Spec.UploaderConfig?.WriteSparseFiles is { } sparse) settings["WriteSparseFiles"] = sparse ? "true" : "false";
        if (scope.Restore.Spec.UploaderConfig?.ParallelFilesDownload is > 0 and var parallel) settings["ParallelFilesDownload"] = $"{parallel}";
        var size = backup.Number("status", "progress", "totalBytes");
        var request = new PodVolumeRestore
        {
            Metadata = new ObjectMeta
            {
                GenerateName = scope.Restore.Name + "-",
                Namespace = scope.Options.Namespace,
                Labels = labels,
                Annotations = new Dictionary<string, string> { [VeleroLabels.DataFormat] = backup.Annotation(VeleroLabels.DataFormat)! },
                OwnerReferences = [scope.Restore.Object.OwnerReference()],
            },
            Spec = new PodVolumeRestoreSpec
            {
                Pod = new ObjectReference { Kind = "Pod", Namespace = pod.Namespace(), Name = pod.Name(), Uid = pod.Uid() },
                Volume = volume,
                // The backup's location as this cluster knows it, which may have another name where the backup was made.
                BackupStorageLocation = scope.Restore.LocationName,
                RepoIdentifier = "",
                UploaderType = backup.Text("spec", "uploaderType") ?? "kopia",
                SnapshotId = backup.Text("status", "snapshotID"),
                SourceNamespace = originalNamespace,
                SnapshotSize = size > 0 ? size : null,
                UploaderSettings = settings.Count > 0 ? settings : null,
            },
        };
        return (JsonObject)JsonSerializer.SerializeToNode(request, VeleroJsonContext.Default.PodVolumeRestore)!;
    }
}
