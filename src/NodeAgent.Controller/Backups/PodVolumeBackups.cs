using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups.Policies;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Snapshots;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Backups;

/// <summary>
/// The volumes of one backup: requests them from the agents while pods are walked, so that they run in parallel across the
/// nodes, and gathers what became of them. Requests may be made by several at once, as long as no two are about pods that share a claim.
/// </summary>
internal sealed class PodVolumeBackups(BackupScope scope, AgentDirectory agents)
{
    private readonly StorageLocations _locations = new(scope.Cluster, scope.Options, scope.Time);
    private readonly ConcurrentDictionary<string, bool> _prepared = new(StringComparer.Ordinal);
    private readonly PodVolumeWork _work = new(scope.Cluster.Plain, scope.Options, scope.Time);
    // The keys of these sets are what counts.
    private readonly ConcurrentDictionary<string, bool> _claimsTaken = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _requested = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _claimsSkipped = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, JsonObject> _claims = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, JsonObject?> _volumes = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _served = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<JsonObject> _skipped = new();
    private IReadOnlyList<JsonObject> _results = [];

    private TimeSpan Timeout => PodVolumeWork.TimeoutOf(scope.Backup.Object, scope.Options);

    private string Selector => $"{VeleroLabels.BackupUid}={scope.Backup.Uid}";

    /// <summary>
    /// Requests the backup of the pod's volumes that are to be taken. Volumes left out are recorded with their reason.
    /// </summary>
    /// <param name="pod">The pod.</param>
    /// <param name="fallbacks">Volumes that are taken as well, unless the pod's own annotations already say what becomes of them.</param>
    /// <param name="requested">Gets the names of the requests, also of those before one that failed.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task RequestAsync(JsonObject pod, IReadOnlyList<VolumeDecision> fallbacks, List<string> requested, CancellationToken cancellation)
    {
        var optOut = scope.Backup.Backup.Spec.DefaultVolumesToFsBackup == true;
        var decisions = PodVolumeSelection.Select(pod, optOut, scope.Backup.Filter.AdmitsRelated(KubernetesResources.PersistentVolumeClaims), await MatchAsync(pod, cancellation));
        foreach (var decision in decisions) await RequestAsync(pod, decision, requested, cancellation);
        foreach (var fallback in fallbacks.Where(f => decisions.All(d => d.Volume != f.Volume))) await RequestAsync(pod, fallback, requested, cancellation);
    }

    /// <summary>Waits until the named requests have ended, however they did.</summary>
    public async Task WaitForAsync(IReadOnlyCollection<string> names, CancellationToken cancellation) =>
        await _work.WaitAsync(VeleroResources.PodVolumeBackups, Selector, names, Timeout, agents, scope.Log, cancellation);

    /// <summary>Waits until all requested volumes have ended; those that failed are errors of the backup.</summary>
    public async Task WaitAsync(CancellationToken cancellation)
    {
        var found = await _work.WaitAsync(VeleroResources.PodVolumeBackups, Selector, [.. _requested.Keys], Timeout, agents, scope.Log, cancellation);
        foreach (var name in _requested.Keys.Except(found.Keys)) scope.Log.Error(null, $"pod volume backup {name} was deleted before it ended");
        _results = [.. found.Values.OrderBy(v => v.Name(), StringComparer.Ordinal)];
        foreach (var result in _results)
        {
            var what = $"volume {result.Text("spec", "volume")} of pod {result.Text("spec", "pod", "namespace")}/{result.Text("spec", "pod", "name")}{In(result.Text("spec", "backupStorageLocation") ?? "")}";
            var ns = result.Text("spec", "pod", "namespace");
            var phase = result.Text("status", "phase");
            if (phase == PodVolumePhase.Completed)
            {
                scope.Log.Info($"{what}: backed up as {result.Text("status", "snapshotID")}");
                if (result.Text("status", "message") is { Length: > 0 } remark) scope.Log.Warn(ns, $"{what}: {remark}");
            }
            else if (PodVolumeWork.IsFinal(result)) scope.Log.Error(ns, $"{what}: {phase}: {result.Text("status", "message") ?? "no reason given"}");
            else scope.Log.Error(ns, $"{what}: not ended (phase {phase ?? "New"}) after its cancellation; is the agent on node {result.Text("spec", "node")} running?");
        }
    }

    /// <summary>Which location a line is about, where there are several.</summary>
    private string In(string location) => scope.Backup.Places.Count == 1 ? "" : $" in location {location}";

    private IEnumerable<JsonObject> ResultsIn(string location) => _results.Where(r => r.Text("spec", "backupStorageLocation") == location);

    /// <summary>Those that were seen to end so far, although the cluster may have removed them together with the backup.</summary>
    public IReadOnlyCollection<JsonObject> Ended => _work.EndedOf(VeleroResources.PodVolumeBackups, Selector);

    /// <summary>Asks all unfinished volumes of the backup to stop.</summary>
    public Task TryCancelAsync() => _work.TryCancelAllAsync(VeleroResources.PodVolumeBackups, Selector);

    /// <summary>The podvolumebackups file of a location: the objects as they ended.</summary>
    public JsonArray ToFile(string location)
    {
        var file = new JsonArray();
        foreach (var result in ResultsIn(location))
        {
            var copy = (JsonObject)result.DeepClone();
            copy.Child("metadata").Remove("managedFields");
            file.Add((JsonNode)copy);
        }

        return file;
    }

    /// <summary>Remembers a persistent volume that is in the backup, for what the volumeinfo file tells of it.</summary>
    public void Note(JsonObject volume) => _volumes.TryAdd(volume.Name(), volume);

    /// <summary>The volumeinfo file: one entry per volume, taken or not.</summary>
    /// <param name="location">The location whose file it is.</param>
    /// <param name="snapshots">The entries of the volumes that were snapshotted, in whose favour those of volumes left out are dropped.</param>
    public JsonArray ToVolumeInfo(string location, IEnumerable<JsonObject> snapshots)
    {
        var entries = new JsonArray();
        foreach (var result in ResultsIn(location))
        {
            var entry = VolumeInfoEntries.OfFiles(result);
            if (result.Annotation(VeleroLabels.PvcName) is { } claim) AddClaim(entry, result.Text("spec", "pod", "namespace") ?? "", claim);
            entries.Add((JsonNode)entry);
        }

        var snapshotted = new HashSet<string>(StringComparer.Ordinal);
        foreach (var snapshot in snapshots)
        {
            entries.Add((JsonNode)snapshot);
            snapshotted.Add($"{snapshot.Text("pvcNamespace")}/{snapshot.Text("pvcName")}");
        }

        // A claim that one pod left out may have been taken through another.
        foreach (var entry in _skipped.Where(e => e.Text("pvcName") is not { } claim || (!IsClaimTaken(e.Text("pvcNamespace")!, claim) && !snapshotted.Contains($"{e.Text("pvcNamespace")}/{claim}"))))
        {
            entries.Add((JsonNode)entry.DeepClone());
        }

        foreach (var entry in entries.OfType<JsonObject>().Where(e => !e.ContainsKey("pvInfo")))
        {
            if (entry.Text("pvName") is { } name && _volumes.TryGetValue(name, out var volume) && volume is not null) entry["pvInfo"] = VolumeSummary.Of(volume);
        }

        return entries;
    }

    /// <summary>Whether a claim's files were requested, through whichever pod.</summary>
    public bool IsClaimTaken(string ns, string claim) => _claimsTaken.ContainsKey($"{ns}/{claim}");

    /// <summary>Records a volume whose data is not in the backup. The first reason given for a claim stands.</summary>
    public void RecordSkipped(string ns, string? claim, string? volume, string reason)
    {
        if (claim is not null && !_claimsSkipped.TryAdd($"{ns}/{claim}", true)) return;
        var entry = new JsonObject { ["snapshotDataMoved"] = false, ["preserveLocalSnapshot"] = false, ["skipped"] = true, ["skippedReason"] = reason };
        if (claim is not null) AddClaim(entry, ns, claim);
        if (volume is not null && !entry.ContainsKey("pvName")) entry["pvName"] = volume;
        _skipped.Enqueue(entry);
    }

    /// <summary>Records a claim whose files were not requested through a pod, with what a policy says of it.</summary>
    public async Task RecordUntakenAsync(JsonObject claim, CancellationToken cancellation)
    {
        var (ns, name) = (claim.Namespace(), claim.Name());
        if (IsClaimTaken(ns, name)) return;
        var bound = claim.Text("spec", "volumeName") is { Length: > 0 } given ? given : null;
        var policy = scope.Backup.Policies.Volumes.Count == 0 ? null : scope.Backup.Policies.Match(VolumeFacts.Of(await VolumeOfAsync(claim, cancellation), null, claim));
        if (bound is null && policy is null) return;
        RecordSkipped(ns, name, bound, policy?.Action switch
        {
            VolumeAction.Skip => "skipped by the resource policy",
            VolumeAction.Snapshot => "the resource policy wants a snapshot, and there is no volume",
            _ => "its files were not asked for",
        });
    }

    /// <summary>The policies that volumes of the pod meet, by the volumes' names.</summary>
    private async Task<IReadOnlyDictionary<string, VolumePolicy>> MatchAsync(JsonObject pod, CancellationToken cancellation)
    {
        var matches = new Dictionary<string, VolumePolicy>(StringComparer.Ordinal);
        if (scope.Backup.Policies.Volumes.Count == 0) return matches;
        foreach (var volume in pod.Objects("spec", "volumes").Where(v => !PodVolumeSelection.IsNeverTaken(v)))
        {
            var claim = volume.Text("persistentVolumeClaim", "claimName") is { } name ? await ClaimAsync(pod.Namespace(), name, cancellation) : null;
            var facts = VolumeFacts.Of(claim is null ? null : await VolumeOfAsync(claim, cancellation), volume, claim);
            if (volume.Text("name") is { } key && scope.Backup.Policies.Match(facts) is { } policy) matches[key] = policy;
        }

        return matches;
    }

    private async Task<JsonObject?> ClaimAsync(string ns, string name, CancellationToken cancellation)
    {
        if (_claims.TryGetValue($"{ns}/{name}", out var known)) return known;
        var claim = await scope.Cluster.GetAsync(KubernetesResources.PersistentVolumeClaims, ns, name, cancellation);
        if (claim is not null) _claims[$"{ns}/{name}"] = claim;
        return claim;
    }

    private async Task<JsonObject?> VolumeOfAsync(JsonObject claim, CancellationToken cancellation)
    {
        if (claim.Text("spec", "volumeName") is not { Length: > 0 } name) return null;
        if (_volumes.TryGetValue(name, out var known)) return known;
        return _volumes[name] = await scope.Cluster.GetAsync(KubernetesResources.PersistentVolumes, null, name, cancellation);
    }

    private void AddClaim(JsonObject entry, string ns, string claim)
    {
        entry["pvcName"] = claim;
        entry["pvcNamespace"] = ns;
        if (_claims.TryGetValue($"{ns}/{claim}", out var known) && known.Text("spec", "volumeName") is { } volume) entry["pvName"] = volume;
    }

    private async Task RequestAsync(JsonObject pod, VolumeDecision decision, List<string> requested, CancellationToken cancellation)
    {
        var ns = pod.Namespace();
        var what = $"volume {decision.Volume} of pod {pod.QualifiedName()}";
        JsonObject? claim = null;
        if (decision.Claim is not null)
        {
            if (IsClaimTaken(ns, decision.Claim)) return;
            claim = await ClaimAsync(ns, decision.Claim, cancellation);
            if (claim is null)
            {
                scope.Log.Error(ns, $"{what}: its claim {decision.Claim} does not exist");
                return;
            }
        }

        if (decision.Policy is { Action: not VolumeAction.FsBackup } policy)
        {
            // What becomes of a claim's volume is said when the claim itself is taken.
            if (decision.Claim is not null || policy.Action == VolumeAction.Skip || !decision.WasAskedFor) scope.Log.Info($"{what}: its files are not read: {decision.Skipped}");
            else scope.Log.Warn(ns, $"{what} is not backed up: {decision.Skipped}, which only volumes of claims can have");
            return;
        }

        var node = pod.Text("spec", "nodeName") ?? "";
        var skipped = decision.Skipped
            ?? (pod.Text("status", "phase") == "Running" ? null : $"the pod is not running (phase {pod.Text("status", "phase") ?? "unknown"})")
            ?? await VolumeProblemAsync(claim, cancellation);
        if (skipped is not null)
        {
            // What nobody asked for by name, such as a mounted Secret, is left out without a word in the log.
            var isRoutine = decision.Skipped is not null && !decision.WasAskedFor && decision.Claim is null;
            if (isRoutine) return;
            scope.Log.Warn(ns, $"{what} is not backed up: {skipped}");
            RecordSkipped(ns, decision.Claim, null, skipped);
            return;
        }

        if (!await IsServedAsync(node, cancellation))
        {
            var problem = $"{what}: no agent runs on node {node}; see that the agent's DaemonSet covers it";
            // Nobody asked for the files of a volume that falls back to them.
            if (decision.IsFallback) scope.Log.Warn(ns, problem);
            else scope.Log.Error(ns, problem);
            RecordSkipped(ns, decision.Claim, null, $"no agent runs on node {node}");
            return;
        }

        foreach (var place in scope.Backup.Places)
        {
            if (_prepared.TryAdd(place.Name, true)) await _locations.PrepareRepositoryAsync(place.Location, cancellation);
            var made = await scope.Cluster.CreateAsync(VeleroResources.PodVolumeBackups, scope.Options.Namespace, Build(pod, decision, claim, node, place.Name), cancellation);
            _requested[made.Name()] = true;
            requested.Add(made.Name());
            if (decision.Claim is not null) _claimsTaken[$"{ns}/{decision.Claim}"] = true;
            scope.Log.Info($"{what}{In(place.Name)}: requested as {made.Name()} from node {node}{(decision.IsFallback ? ", since no snapshot location takes the volume" : "")}");
        }
    }

    private async Task<string?> VolumeProblemAsync(JsonObject? claim, CancellationToken cancellation)
    {
        if (claim is null) return null;
        if (claim.Text("spec", "volumeName") is not { Length: > 0 }) return "its claim is not bound";
        var volume = await VolumeOfAsync(claim, cancellation);
        return volume.At("spec", "hostPath") is not null ? "its persistent volume is a hostPath" : null;
    }

    private async Task<bool> IsServedAsync(string node, CancellationToken cancellation)
    {
        if (!_served.TryGetValue(node, out var served)) _served[node] = served = await scope.Cluster.CarryAsync(() => agents.IsServedAsync(node, cancellation), cancellation);
        return served;
    }

    private JsonObject Build(JsonObject pod, VolumeDecision decision, JsonObject? claim, string node, string location)
    {
        var labels = new Dictionary<string, string>
        {
            [VeleroLabels.BackupName] = VeleroLabels.ToLabelValue(scope.Backup.Name),
            [VeleroLabels.BackupUid] = scope.Backup.Uid,
        };
        var annotations = new Dictionary<string, string> { [VeleroLabels.DataFormat] = VeleroLabels.DataFormatV1 };
        var tags = new Dictionary<string, string>
        {
            ["backup"] = scope.Backup.Name,
            ["backup-uid"] = scope.Backup.Uid,
            ["pod"] = pod.Name(),
            ["pod-uid"] = pod.Uid(),
            ["ns"] = pod.Namespace(),
            ["volume"] = decision.Volume,
        };
        if (claim is not null)
        {
            labels[VeleroLabels.PvcUid] = tags["pvc-uid"] = claim.Uid();
            annotations[VeleroLabels.PvcName] = claim.Name();
        }

        var parallel = scope.Backup.Backup.Spec.UploaderConfig?.ParallelFilesUpload;
        var request = new PodVolumeBackup
        {
            Metadata = new ObjectMeta
            {
                GenerateName = scope.Backup.Name + "-",
                Namespace = scope.Options.Namespace,
                Labels = labels,
                Annotations = annotations,
                OwnerReferences = [scope.Backup.Object.OwnerReference()],
            },
            Spec = new PodVolumeBackupSpec
            {
                Node = node,
                Pod = new ObjectReference { Kind = "Pod", Namespace = pod.Namespace(), Name = pod.Name(), Uid = pod.Uid() },
                Volume = decision.Volume,
                BackupStorageLocation = location,
                RepoIdentifier = "",
                UploaderType = "kopia",
                Tags = tags,
                UploaderSettings = parallel is > 0 ? new Dictionary<string, string> { ["ParallelFilesUpload"] = $"{parallel}" } : null,
                ParentSnapshot = scope.Backup.Backup.Spec.BackupType == "Full" ? "none" : null,
            },
        };
        return (JsonObject)JsonSerializer.SerializeToNode(request, VeleroJsonContext.Default.PodVolumeBackup)!;
    }
}
