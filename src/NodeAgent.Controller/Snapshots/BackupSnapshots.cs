using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups;
using NodeAgent.Controller.Backups.Policies;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Snapshots.Csi;
using NodeAgent.Controller.Storage;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Controller.Snapshots;

/// <summary>
/// Decides which volumes of one backup are snapshotted and by whom, and has it done: never those whose files are taken. A volume that
/// nobody can snapshot falls back to its files, where a pod has it mounted. Volumes may be taken by several at once; each is taken by the first.
/// </summary>
internal sealed class BackupSnapshots(BackupScope scope, PodVolumeBackups files, ControllerServices services) : IDisposable
{
    private readonly NativeSnapshots _native = new(scope, services);
    private readonly CsiSnapshots _csi = new(scope, services);
    // The keys of these sets are what counts.
    private readonly ConcurrentDictionary<string, bool> _claimsTried = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _seen = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _claimsTaken = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _filesGate = new(1);
    private readonly Dictionary<string, HashSet<string>> _claimsInFiles = new(StringComparer.Ordinal);

    /// <summary>VolumeSnapshots and their contents are in a backup only where it made them.</summary>
    public static bool IsLeftToSnapshots(ResourceKind kind) =>
        kind.GroupResource == KubernetesResources.VolumeSnapshots.GroupResource || kind.GroupResource == KubernetesResources.VolumeSnapshotContents.GroupResource;

    // Where nothing says that snapshots are wanted and there is nowhere to make them, volumes are left to the pods' annotations.
    private bool IsActive => scope.Backup.Backup.Spec.SnapshotVolumes ?? (scope.Backup.Snapshots.Locations.Count > 0 || _csi.IsEnabled);

    // Otherwise nothing needs to be asked about any volume.
    private bool IsNeeded => IsActive || scope.Backup.Policies.Volumes.Any(p => p.Action == VolumeAction.Snapshot);

    /// <summary>The volumes of a pod that nobody named, that ought to be snapshotted and cannot be, so that their files are taken instead.</summary>
    public async Task<IReadOnlyList<VolumeDecision>> FallbacksAsync(JsonObject pod, CancellationToken cancellation)
    {
        if (!IsActive || scope.Backup.Backup.Spec.DefaultVolumesToFsBackup == true) return [];
        var found = new List<VolumeDecision>();
        foreach (var decision in PodVolumeSelection.Select(pod, optOut: true, AdmitsClaims, NoPolicies).Where(d => d.Claim is not null && d.Skipped is null))
        {
            await GuardAsync(pod.Namespace(), decision.Claim!, async () =>
            {
                var (claim, volume) = await FindAsync(pod.Namespace(), decision.Claim!, cancellation);
                if (claim is null || volume is null || IsOptedOut(claim, volume) || PolicyOf(claim, volume) is not null || _native.Takes(volume)) return;
                if ((await _csi.LookAsync(claim, volume, null, cancellation)).Takes) return;
                found.Add(decision with { IsFallback = true });
            });
        }

        return found;
    }

    /// <summary>Snapshots the volumes of a pod, so that hooks around it hold for them too.</summary>
    public async Task TakeOfPodAsync(JsonObject pod, CancellationToken cancellation)
    {
        if (!IsNeeded || !AdmitsClaims) return;
        foreach (var volume in pod.Objects("spec", "volumes"))
        {
            if (ClaimOf(pod, volume) is { } name) await TakeOfClaimAsync(pod.Namespace(), name, cancellation);
        }
    }

    /// <summary>Snapshots the volume of a claim that is about to be put into the archive.</summary>
    public async Task TakeOfClaimAsync(JsonObject claim, CancellationToken cancellation)
    {
        await TakeOfClaimAsync(claim.Namespace(), claim.Name(), cancellation);
        _csi.Mark(claim);
    }

    /// <summary>Waits until the snapshots of a pod's volumes hold what the volumes held, so that the pod may go on.</summary>
    public Task WaitForAsync(JsonObject pod) => _csi.WaitForAsync(pod.Objects("spec", "volumes").Select(v => $"{pod.Namespace()}/{ClaimOf(pod, v)}"));

    /// <summary>Waits until all snapshots have come about or failed, and puts into the archive what belongs to them.</summary>
    public Task FinishAsync(BackupArchiveWriter archive, CancellationToken cancellation) => _csi.FinishAsync(archive, cancellation);

    /// <summary>Removes from the cluster what the backup needs no longer when it is stored.</summary>
    public Task TryReleaseAsync() => _csi.TryReleaseAsync();

    /// <summary>Snapshots a volume that is about to be put into the archive, unless its claim brought that about.</summary>
    public async Task TakeOfVolumeAsync(JsonObject volume, CancellationToken cancellation)
    {
        if (!IsNeeded || _seen.ContainsKey(volume.Name())) return;
        var (ns, name) = (volume.Text("spec", "claimRef", "namespace"), volume.Text("spec", "claimRef", "name"));
        await GuardAsync(ns ?? "", name ?? volume.Name(), async () =>
        {
            var claim = ns is null || name is null ? null : await scope.Cluster.GetAsync(KubernetesResources.PersistentVolumeClaims, ns, name, cancellation);
            await TakeAsync(claim, volume, cancellation);
        });
    }

    /// <summary>Whether a claim's volume was snapshotted, or at least tried.</summary>
    public bool IsClaimTaken(string ns, string claim) => _claimsTaken.ContainsKey($"{ns}/{claim}");

    /// <summary>Adds the counts that the backup's status has.</summary>
    public void AddTo(JsonObject status)
    {
        _native.AddTo(status);
        _csi.AddTo(status);
    }

    /// <summary>The files that tell of the snapshots, by their keys.</summary>
    public IEnumerable<(string Key, JsonArray Content)> ToFiles(BackupFiles names)
    {
        yield return (names.VolumeSnapshots, _native.ToFile());
        if (!_csi.IsEnabled) yield break;
        var (snapshots, contents, classes) = _csi.ToFiles();
        yield return (names.CsiVolumeSnapshots, snapshots);
        yield return (names.CsiVolumeSnapshotContents, contents);
        yield return (names.CsiVolumeSnapshotClasses, classes);
    }

    /// <summary>The entries of the volumeinfo file for what was snapshotted.</summary>
    public IEnumerable<JsonObject> ToVolumeInfo() => _native.ToVolumeInfo().Concat(_csi.ToVolumeInfo());

    /// <summary>Removes the snapshots of a backup that did not come about: without its files nobody would know of them.</summary>
    public async Task TryRemoveAsync()
    {
        await _native.TryRemoveAsync();
        await _csi.TryRemoveAsync();
    }

    public void Dispose()
    {
        _native.Dispose();
        _csi.Dispose();
        _filesGate.Dispose();
    }

    // For decisions that concern volumes which no policy decides about.
    private static Dictionary<string, VolumePolicy> NoPolicies => [];

    private bool AdmitsClaims => scope.Backup.Filter.AdmitsRelated(KubernetesResources.PersistentVolumeClaims);

    private static string? ClaimOf(JsonObject pod, JsonObject volume) =>
        volume.Text("persistentVolumeClaim", "claimName") ?? (volume.ContainsKey("ephemeral") ? $"{pod.Name()}-{volume.Text("name")}" : null);

    private bool IsOptedOut(JsonObject? claim, JsonObject volume) =>
        scope.Backup.Filter.LeavesOut(KubernetesResources.PersistentVolumes, volume) || (claim is not null && scope.Backup.Filter.LeavesOut(KubernetesResources.PersistentVolumeClaims, claim));

    private VolumePolicy? PolicyOf(JsonObject? claim, JsonObject volume) =>
        scope.Backup.Policies.Volumes.Count == 0 ? null : scope.Backup.Policies.Match(VolumeFacts.Of(volume, null, claim));

    private async Task TakeAsync(JsonObject? claim, JsonObject volume, CancellationToken cancellation)
    {
        if (IsOptedOut(claim, volume) || !_seen.TryAdd(volume.Name(), true)) return;
        var policy = PolicyOf(claim, volume);
        if (policy is { Action: not VolumeAction.Snapshot }) return;
        if (policy is null && !IsActive) return;
        // A policy that asks for a snapshot comes before a pod that asks for files; otherwise files come first.
        if (policy is null && claim is not null && (files.IsClaimTaken(claim.Namespace(), claim.Name()) || await IsInFilesAsync(claim, cancellation))) return;
        var policyClass = policy?.Parameters.GetValueOrDefault("snapshotClass");
        // A volume may be in the backup, as one of the cluster's, whose claim is in a namespace that is not. Nothing is made in there.
        var isForeign = claim is not null && !scope.Backup.Filter.TakesNamespace(claim.Namespace());
        var (takesCsi, whyNot) = isForeign ? (false, "") : await _csi.LookAsync(claim, volume, policyClass, cancellation);
        if (takesCsi && AdmitsClaims)
        {
            _claimsTaken[claim!.QualifiedName()] = true;
            await _csi.TakeAsync(claim!, volume, policyClass, cancellation);
        }
        else if (_native.Takes(volume) && scope.Backup.Filter.AdmitsRelated(KubernetesResources.PersistentVolumes))
        {
            if (claim is not null) _claimsTaken[claim.QualifiedName()] = true;
            await _native.TakeAsync(claim, volume, cancellation);
        }
        else if (!isForeign)
        {
            Skip(claim, volume, policy, whyNot.Length > 0 ? whyNot : _native.WhyNot(volume));
        }
    }

    private void Skip(JsonObject? claim, JsonObject volume, VolumePolicy? policy, string why)
    {
        var ns = claim?.Namespace() ?? "";
        var what = claim is null ? $"volume {volume.Name()}" : $"claim {claim.QualifiedName()}";
        var reason = policy is null ? why + ", and no running pod has it mounted as files" : $"{policy.Place} wants a snapshot of its volume, and {why}";
        scope.Log.Warn(ns, $"{what}: {reason}; its data is not in the backup");
        files.RecordSkipped(ns, claim?.Name(), volume.Name(), reason);
    }

    private async Task TakeOfClaimAsync(string ns, string name, CancellationToken cancellation)
    {
        if (!IsNeeded || !_claimsTried.TryAdd($"{ns}/{name}", true)) return;
        await GuardAsync(ns, name, async () =>
        {
            var (claim, volume) = await FindAsync(ns, name, cancellation);
            if (claim is not null && volume is not null) await TakeAsync(claim, volume, cancellation);
        });
    }

    private async Task<(JsonObject? Claim, JsonObject? Volume)> FindAsync(string ns, string name, CancellationToken cancellation)
    {
        var claim = await scope.Cluster.GetAsync(KubernetesResources.PersistentVolumeClaims, ns, name, cancellation);
        if (claim.Text("spec", "volumeName") is not { Length: > 0 } bound) return (claim, null);
        return (claim, await scope.Cluster.GetAsync(KubernetesResources.PersistentVolumes, null, bound, cancellation));
    }

    /// <summary>Whether some pod of the namespace, one that is walked later too, has the claim's files taken.</summary>
    private async Task<bool> IsInFilesAsync(JsonObject claim, CancellationToken cancellation)
    {
        await _filesGate.WaitAsync(cancellation);
        try
        {
            if (!_claimsInFiles.TryGetValue(claim.Namespace(), out var claims)) _claimsInFiles[claim.Namespace()] = claims = await ReadClaimsInFilesAsync(claim.Namespace(), cancellation);
            return claims.Contains(claim.Name());
        }
        finally
        {
            _filesGate.Release();
        }
    }

    private async Task<HashSet<string>> ReadClaimsInFilesAsync(string ns, CancellationToken cancellation)
    {
        var claims = new HashSet<string>(StringComparer.Ordinal);
        var filter = scope.Backup.Filter;
        var optOut = scope.Backup.Backup.Spec.DefaultVolumesToFsBackup == true;
        if (!filter.TakesType(KubernetesResources.Pods) || !filter.TakesNamespace(ns)) return claims;
        await foreach (var pod in scope.Cluster.ListAsync(KubernetesResources.Pods, ns, null, cancellation))
        {
            if (pod.Text("status", "phase") != "Running" || BackupFilter.IsMarkedExcluded(pod) || !filter.Takes(KubernetesResources.Pods, pod)) continue;
            claims.UnionWith(PodVolumeSelection.Select(pod, optOut, AdmitsClaims, NoPolicies).Where(d => d.Claim is not null && d.Skipped is null).Select(d => d.Claim!));
        }

        return claims;
    }

    /// <summary>What concerns one volume is its error and that of no other.</summary>
    private async Task GuardAsync(string ns, string name, Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            _claimsTried[$"{ns}/{name}"] = true;
            scope.Log.Error(ns, $"the volume of {KubeObject.Qualify(ns, name)} is not snapshotted: {e.Message}");
        }
    }
}
