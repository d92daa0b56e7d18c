using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Snapshots.Csi;

/// <summary>
/// The snapshots of one backup that are made through VolumeSnapshot objects. Each is requested, cut by the driver within the backup's
/// csiSnapshotTimeout, and ready within its itemOperationTimeout; then it is told to outlive its objects, which go when the backup is stored.
/// Snapshots may be requested by several at once, for claims that are not the same.
/// </summary>
internal sealed class CsiSnapshots(BackupScope scope, ControllerServices services) : IDisposable
{
    private readonly VolumeSnapshotLocation? _location = scope.Backup.Snapshots.Locations.FirstOrDefault(l => SnapshotProviders.NameOf(l.Spec.Provider) == SnapshotProviders.Csi);
    // Guards what blocks of items write to; when all are taken, one goes through it.
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _classesGate = new(1);
    private readonly Dictionary<string, CsiSnapshot> _taken = new(StringComparer.Ordinal);
    private readonly HashSet<string> _warned = new(StringComparer.Ordinal);
    private readonly List<JsonObject> _usedClasses = [];
    private SnapshotClasses? _classes;

    /// <summary>Whether volumes of CSI drivers are to be snapshotted so.</summary>
    public bool IsEnabled => _location is not null || scope.Options.CsiSnapshots;

    private bool IsServed => scope.Backup.Resources.Any(r => r.Kind == KubernetesResources.VolumeSnapshots);

    /// <summary>Whether the volume can be snapshotted, or why it cannot.</summary>
    public async Task<(bool Takes, string WhyNot)> LookAsync(JsonObject? claim, JsonObject volume, string? policyClass, CancellationToken cancellation)
    {
        if (!IsEnabled || volume.Text("spec", "csi", "driver") is not { Length: > 0 } driver) return (false, "");
        if (claim is null) return (false, "it has no claim that a VolumeSnapshot could be made of");
        if (!IsServed) return (false, "the cluster does not serve snapshot.storage.k8s.io/v1; install the VolumeSnapshot definitions and the snapshot controller");
        var classes = await ClassesAsync(cancellation);
        return (await ChooseAsync(claim, driver, policyClass, cancellation) is not null, classes.WhyNone(driver));
    }

    /// <summary>Requests a snapshot of a claim that <see cref="LookAsync"/> takes.</summary>
    public async Task TakeAsync(JsonObject claim, JsonObject volume, string? policyClass, CancellationToken cancellation)
    {
        services.Telemetry.CountCsi("velero_csi_snapshot_attempt_total", scope.Backup.Schedule, scope.Backup.Name);
        try
        {
            await RequestAsync(claim, volume, policyClass, cancellation);
        }
        catch (Exception e) when (e is ApiException or HttpRequestException)
        {
            services.Telemetry.CountCsi("velero_csi_snapshot_failure_total", scope.Backup.Schedule, scope.Backup.Name);
            throw;
        }
    }

    private async Task RequestAsync(JsonObject claim, JsonObject volume, string? policyClass, CancellationToken cancellation)
    {
        var chosen = (await ChooseAsync(claim, volume.Text("spec", "csi", "driver")!, policyClass, cancellation))!;
        lock (_gate)
        {
            if (_usedClasses.All(c => c.Name() != chosen.Name())) _usedClasses.Add(chosen);
        }

        var labels = new JsonObject();
        foreach (var (key, value) in claim.StringMap("metadata", "labels")) labels[key] = value;
        labels[VeleroLabels.BackupName] = VeleroLabels.ToLabelValue(scope.Backup.Name);
        labels[VeleroLabels.BackupUid] = scope.Backup.Uid;
        var made = await scope.Cluster.CreateAsync(KubernetesResources.VolumeSnapshots, claim.Namespace(), new JsonObject
        {
            ["apiVersion"] = KubernetesResources.VolumeSnapshots.ApiVersion,
            ["kind"] = KubernetesResources.VolumeSnapshots.Kind,
            ["metadata"] = new JsonObject { ["generateName"] = $"velero-{claim.Name()}-", ["namespace"] = claim.Namespace(), ["labels"] = labels },
            ["spec"] = new JsonObject
            {
                ["source"] = new JsonObject { ["persistentVolumeClaimName"] = claim.Name() },
                ["volumeSnapshotClassName"] = chosen.Name(),
            },
        }, cancellation);
        scope.Log.Info($"claim {claim.QualifiedName()}: snapshot requested as {made.Name()} of class {chosen.Name()}");
        var snapshot = new CsiSnapshot(claim, volume, made, chosen.Name());
        snapshot.Cut = AwaitAsync(snapshot, s => s.Handle is { Length: > 0 }, "was not cut", scope.Backup.Backup.Spec.CsiSnapshotTimeout!.Value, cancellation);
        lock (_gate) _taken[claim.QualifiedName()] = snapshot;
    }

    /// <summary>Waits until the snapshots of claims, if there are any, hold what their volumes held.</summary>
    public Task WaitForAsync(IEnumerable<string> claims) => Task.WhenAll(claims.Select(Find).OfType<CsiSnapshot>().Select(s => s.Cut));

    /// <summary>Writes on a claim that goes into the archive which snapshot is its own.</summary>
    public void Mark(JsonObject claim)
    {
        if (Find(claim.QualifiedName()) is not { } snapshot) return;
        claim.Child("metadata").Child("labels")[CsiLabels.SnapshotName] = VeleroLabels.ToLabelValue(snapshot.Snapshot.Name());
        claim.Child("metadata").Child("labels")[VeleroLabels.BackupName] = VeleroLabels.ToLabelValue(scope.Backup.Name);
        claim.Child("metadata").Child("annotations")[CsiLabels.SnapshotName] = snapshot.Snapshot.Name();
    }

    /// <summary>Waits until all snapshots are ready, secures those that are and puts them into the archive. The others are removed.</summary>
    public async Task FinishAsync(BackupArchiveWriter archive, CancellationToken cancellation)
    {
        await Task.WhenAll(_taken.Values.Select(async s =>
        {
            await s.Cut;
            if (s.Problem is null) await AwaitAsync(s, c => c.Snapshot.IsTrue("status", "readyToUse"), "did not become ready", scope.Backup.Backup.Spec.ItemOperationTimeout!.Value, cancellation, failsAtOnce: true);
        }));
        foreach (var snapshot in _taken.Values)
        {
            var ns = snapshot.Claim.Namespace();
            try
            {
                if (snapshot.Problem is null) await SecureAsync(snapshot, archive, cancellation);
            }
            catch (Exception e) when (e is ApiException or HttpRequestException or InvalidDataException)
            {
                snapshot.Problem = e.Message;
            }

            services.Telemetry.CountCsi(snapshot.Problem is null ? "velero_csi_snapshot_success_total" : "velero_csi_snapshot_failure_total", scope.Backup.Schedule, scope.Backup.Name);
            if (snapshot.Problem is null) scope.Log.Info($"claim {snapshot.Claim.QualifiedName()}: snapshot {snapshot.Handle} of driver {snapshot.Driver} is ready");
            else scope.Log.Error(ns, $"snapshot of claim {snapshot.Claim.QualifiedName()}: {snapshot.Problem}");
            if (snapshot.Problem is not null) await TryDiscardAsync(snapshot, cancellation);
        }

        foreach (var used in _usedClasses.Where(c => Ready.Any(s => s.ClassName == c.Name()))) await archive.AddAsync(KubernetesResources.VolumeSnapshotClasses, used, cancellation);
    }

    /// <summary>Removes the objects of snapshots that are stored: what they stand for stays with the driver, and a deleted namespace does not take it along.</summary>
    public async Task TryReleaseAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20), services.Time);
        foreach (var snapshot in Ready)
        {
            await TryAsync(snapshot, async () =>
            {
                await scope.Cluster.DeleteAsync(KubernetesResources.VolumeSnapshotContents, null, snapshot.Content!.Name(), limit.Token);
                await scope.Cluster.DeleteAsync(KubernetesResources.VolumeSnapshots, snapshot.Claim.Namespace(), snapshot.Snapshot.Name(), limit.Token);
            });
        }
    }

    /// <summary>Removes the snapshots of a backup that did not come about.</summary>
    public async Task TryRemoveAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20), services.Time);
        foreach (var snapshot in _taken.Values.Where(s => s.Problem is null || s.IsReady)) await TryDiscardAsync(snapshot, limit.Token);
    }

    public void AddTo(JsonObject status)
    {
        if (_taken.Count == 0) return;
        status["csiVolumeSnapshotsAttempted"] = _taken.Count;
        status["csiVolumeSnapshotsCompleted"] = Ready.Count();
    }

    /// <summary>The files of VolumeSnapshots, of their contents and of their classes.</summary>
    public (JsonArray Snapshots, JsonArray Contents, JsonArray Classes) ToFiles() =>
    (
        [.. Ready.Select(s => s.Snapshot.DeepClone())],
        [.. Ready.Select(s => s.Content!.DeepClone())],
        [.. _usedClasses.Where(c => Ready.Any(s => s.ClassName == c.Name())).Select(c => c.DeepClone())]
    );

    public IEnumerable<JsonObject> ToVolumeInfo() => _taken.Values.Select(s => new JsonObject
    {
        ["pvcName"] = s.Claim.Name(),
        ["pvcNamespace"] = s.Claim.Namespace(),
        ["pvName"] = s.Volume.Name(),
        ["backupMethod"] = "CSISnapshot",
        ["snapshotDataMoved"] = false,
        ["preserveLocalSnapshot"] = true,
        ["skipped"] = false,
        ["startTimestamp"] = s.Snapshot.Text("status", "creationTime") ?? s.Snapshot.Text("metadata", "creationTimestamp"),
        ["result"] = s.Problem is null ? "succeeded" : "failed",
        ["csiSnapshotInfo"] = new JsonObject
        {
            ["snapshotHandle"] = s.Handle ?? "",
            ["size"] = s.Content.Number("status", "restoreSize"),
            ["driver"] = s.Driver,
            ["vscName"] = s.Content?.Name() ?? "",
            // Velero has no name for this field in JSON, so that it is written as Go calls it.
            ["ReadyToUse"] = s.IsReady,
        },
        ["pvInfo"] = VolumeSummary.Of(s.Volume),
    });

    private IEnumerable<CsiSnapshot> Ready => _taken.Values.Where(s => s.IsReady && s.Problem is null);

    public void Dispose() => _classesGate.Dispose();

    private CsiSnapshot? Find(string claim)
    {
        lock (_gate) return _taken.GetValueOrDefault(claim);
    }

    private async Task<SnapshotClasses> ClassesAsync(CancellationToken cancellation)
    {
        await _classesGate.WaitAsync(cancellation);
        try
        {
            if (_classes is not null) return _classes;
            var found = new List<JsonObject>();
            await foreach (var item in scope.Cluster.ListAsync(KubernetesResources.VolumeSnapshotClasses, null, null, cancellation)) found.Add(item);
            return _classes = new SnapshotClasses(found);
        }
        finally
        {
            _classesGate.Release();
        }
    }

    private async Task<JsonObject?> ChooseAsync(JsonObject claim, string driver, string? policyClass, CancellationToken cancellation)
    {
        (string, string?)[] names =
        [
            ("the resource policy", policyClass),
            ("its annotation", claim.Annotation(CsiLabels.Class)),
            ("the backup's annotation", scope.Backup.Object.Annotation(CsiLabels.ClassForDriver + driver.ToLowerInvariant())),
            ("snapshot location " + _location?.Metadata.Name, _location?.Spec.Config?.GetValueOrDefault(SnapshotLocations.ClassKey)),
        ];
        return (await ClassesAsync(cancellation)).Choose(driver, names, problem =>
        {
            bool isNew;
            lock (_gate) isNew = _warned.Add($"{claim.QualifiedName()} {problem}");
            if (isNew) scope.Log.Warn(claim.Namespace(), $"claim {claim.QualifiedName()}: {problem}; another is looked for");
        });
    }

    /// <summary>Looks at a snapshot until it is as wanted, or notes why it never will be.</summary>
    private async Task AwaitAsync(CsiSnapshot snapshot, Func<CsiSnapshot, bool> isReached, string failure, TimeSpan patience, CancellationToken cancellation, bool failsAtOnce = false)
    {
        var started = scope.Time.GetTimestamp();
        string? reason = null;
        while (true)
        {
            try
            {
                var seen = await scope.Cluster.GetAsync(KubernetesResources.VolumeSnapshots, snapshot.Claim.Namespace(), snapshot.Snapshot.Name(), cancellation);
                if (seen is null)
                {
                    snapshot.Problem = $"VolumeSnapshot {snapshot.Snapshot.Name()} was deleted before it was ready";
                    return;
                }

                snapshot.Snapshot = seen;
                if (seen.Text("status", "boundVolumeSnapshotContentName") is { Length: > 0 } name) snapshot.Content = await scope.Cluster.GetAsync(KubernetesResources.VolumeSnapshotContents, null, name, cancellation) ?? snapshot.Content;
                reason = snapshot.Content.Text("status", "error", "message") ?? seen.Text("status", "error", "message") ?? reason;
                if (snapshot.Content is not null && isReached(snapshot)) return;
            }
            catch (Exception e) when (Outage.IsCauseOf(e))
            {
                reason ??= e.Message;
            }
            catch (ApiException e)
            {
                snapshot.Problem = e.Message;
                return;
            }

            // Before a snapshot is cut the driver tries again after an error; afterwards it is final.
            if (scope.Time.GetElapsedTime(started) > patience || (failsAtOnce && snapshot.Content.Text("status", "error", "message") is not null))
            {
                var after = scope.Time.GetElapsedTime(started) > patience ? $" within {GoDuration.Format(patience)}" : "";
                snapshot.Problem = $"VolumeSnapshot {snapshot.Snapshot.Name()} {failure}{after}: "
                    + (reason ?? $"nothing tells why; see that the snapshot controller runs, and the csi-snapshotter of driver {snapshot.Driver}").ReplaceLineEndings(" ");
                return;
            }

            await Task.Delay(scope.Options.PollInterval, scope.Time, cancellation);
        }
    }

    /// <summary>From here on the data outlives the objects, whoever deletes them; and the archive has all that a restore needs.</summary>
    private async Task SecureAsync(CsiSnapshot snapshot, BackupArchiveWriter archive, CancellationToken cancellation)
    {
        var content = snapshot.Content!;
        var policy = content.Text("spec", "deletionPolicy") ?? "Delete";
        await scope.Cluster.PatchAsync(KubernetesResources.VolumeSnapshotContents, null, content.Name(), new JsonObject
        {
            ["metadata"] = new JsonObject { ["labels"] = new JsonObject { [VeleroLabels.BackupName] = VeleroLabels.ToLabelValue(scope.Backup.Name), [VeleroLabels.BackupUid] = scope.Backup.Uid } },
            ["spec"] = new JsonObject { ["deletionPolicy"] = "Retain" },
        }, null, cancellation);
        content.Child("metadata").Child("labels")[VeleroLabels.BackupName] = VeleroLabels.ToLabelValue(scope.Backup.Name);
        var annotations = snapshot.Snapshot.Child("metadata").Child("annotations");
        annotations[CsiLabels.Handle] = snapshot.Handle;
        annotations[CsiLabels.DriverName] = content.Text("spec", "driver") ?? snapshot.Driver;
        annotations[CsiLabels.DeletionPolicy] = policy;
        if (content.Number("status", "restoreSize") is > 0 and var size) annotations[CsiLabels.RestoreSize] = size.ToString(CultureInfo.InvariantCulture);
        await archive.AddAsync(KubernetesResources.VolumeSnapshots, snapshot.Snapshot, cancellation);
        await archive.AddAsync(KubernetesResources.VolumeSnapshotContents, content, cancellation);
        snapshot.IsReady = true;
    }

    private Task TryDiscardAsync(CsiSnapshot snapshot, CancellationToken cancellation) => TryAsync(snapshot, async () =>
    {
        if (snapshot.Content is { } content)
        {
            try
            {
                await scope.Cluster.PatchAsync(KubernetesResources.VolumeSnapshotContents, null, content.Name(), new JsonObject { ["spec"] = new JsonObject { ["deletionPolicy"] = "Delete" } }, null, cancellation);
            }
            catch (ApiException e) when (e.IsNotFound)
            {
                // It is gone.
            }
        }

        await scope.Cluster.DeleteAsync(KubernetesResources.VolumeSnapshots, snapshot.Claim.Namespace(), snapshot.Snapshot.Name(), cancellation);
    });

    private async Task TryAsync(CsiSnapshot snapshot, Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (Exception e) when (e is ApiException or HttpRequestException or OperationCanceledException)
        {
            services.Log.VolumeSnapshotLeft(snapshot.Snapshot.QualifiedName(), scope.Backup.Name, e.Message);
        }
    }
}
