using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Snapshots;

/// <summary>The snapshots of one backup that storage systems make by themselves, and the record of them in Velero's form.</summary>
internal sealed class NativeSnapshots(BackupScope scope, ControllerServices services) : IDisposable
{
    /// <summary>Tag by which a snapshot is found again whose backup never came to know of it: names may be used twice.</summary>
    public const string UidTag = "nodeagent.io/backup-uid";

    private readonly List<(VolumeSnapshotLocation Location, ISnapshotProvider Provider)> _locations =
    [
        .. scope.Backup.Snapshots.Locations.Select(l => (l, services.Snapshots.Providers.Find(l.Spec.Provider)!)).Where(l => l.Item2 is not null),
    ];

    private readonly OpenSnapshotters _opened = new(services.Snapshots);
    // Locked while blocks of items are taken.
    private readonly List<(JsonObject Record, JsonObject Volume, JsonObject? Claim)> _taken = [];

    /// <summary>Whether the volume lies in a system that one of the backup's locations is of.</summary>
    public bool Takes(JsonObject volume) => Find(volume) is not null;

    /// <summary>Why it does not.</summary>
    public string WhyNot(JsonObject volume) => services.Snapshots.Providers.All.FirstOrDefault(p => p.VolumeIdOf(volume) is not null) is { } owner
        ? $"there is no snapshot location of its provider {owner.Name}"
        : "no snapshot provider knows its kind";

    public async Task TakeAsync(JsonObject? claim, JsonObject volume, CancellationToken cancellation)
    {
        var (location, provider) = Find(volume)!.Value;
        var zone = VolumeZone.Of(volume);
        var id = provider.VolumeIdOf(volume)!;
        var (traits, snapshot, problem) = (new VolumeTraits("", null), (string?)null, (string?)null);
        services.Telemetry.Count("velero_volume_snapshot_attempt_total", scope.Backup.Schedule);
        try
        {
            var (snapshotter, _) = await _opened.OpenAsync(location, cancellation);
            traits = await snapshotter.DescribeVolumeAsync(id, zone, cancellation);
            snapshot = await snapshotter.CreateSnapshotAsync(id, zone, Tags(volume), cancellation);
            scope.Log.Info($"volume {volume.Name()} ({id}): snapshot {snapshot} begun in {location.Metadata.Name}");
        }
        catch (SnapshotException e)
        {
            problem = e.Message;
            scope.Log.Error(claim?.Namespace() ?? "", $"snapshot of volume {volume.Name()} ({id}) in {location.Metadata.Name}: {e.Message}");
        }

        services.Telemetry.Count(problem is null ? "velero_volume_snapshot_success_total" : "velero_volume_snapshot_failure_total", scope.Backup.Schedule);
        var spec = new JsonObject
        {
            ["backupName"] = scope.Backup.Name,
            ["backupUID"] = scope.Backup.Uid,
            ["location"] = location.Metadata.Name,
            ["persistentVolumeName"] = volume.Name(),
            ["providerVolumeID"] = id,
            ["volumeType"] = traits.Type,
        };
        if (zone.Length > 0) spec["volumeAZ"] = zone;
        if (traits.Iops is { } iops) spec["volumeIOPS"] = iops;
        var status = new JsonObject { ["phase"] = problem is null ? SnapshotRecords.Completed : SnapshotRecords.Failed };
        if (snapshot is not null) status["providerSnapshotID"] = snapshot;
        lock (_taken) _taken.Add((new JsonObject { ["spec"] = spec, ["status"] = status }, volume, claim));
    }

    public void AddTo(JsonObject status)
    {
        if (_taken.Count == 0) return;
        status["volumeSnapshotsAttempted"] = _taken.Count;
        status["volumeSnapshotsCompleted"] = _taken.Count(t => t.Record.Text("status", "phase") == SnapshotRecords.Completed);
    }

    public JsonArray ToFile() => new([.. _taken.Select(t => t.Record.DeepClone())]);

    public IEnumerable<JsonObject> ToVolumeInfo() => _taken.Select(t =>
    {
        var (spec, status) = (t.Record["spec"], t.Record["status"]);
        return new JsonObject
        {
            ["pvcName"] = t.Claim?.Name() ?? "",
            ["pvcNamespace"] = t.Claim?.Namespace() ?? "",
            ["pvName"] = t.Volume.Name(),
            ["backupMethod"] = "NativeSnapshot",
            ["snapshotDataMoved"] = false,
            ["preserveLocalSnapshot"] = false,
            ["skipped"] = false,
            ["result"] = status.Text("phase") == SnapshotRecords.Completed ? "succeeded" : "failed",
            ["nativeSnapshotInfo"] = new JsonObject
            {
                ["snapshotHandle"] = status.Text("providerSnapshotID") ?? "",
                ["volumeType"] = spec.Text("volumeType") ?? "",
                ["volumeAZ"] = spec.Text("volumeAZ") ?? "",
                ["iops"] = spec.Number("volumeIOPS").ToString(CultureInfo.InvariantCulture),
                // Velero has no name for this field in JSON, so that it is written as Go calls it.
                ["Phase"] = status.Text("phase"),
            },
            ["pvInfo"] = VolumeSummary.Of(t.Volume),
        };
    });

    public async Task TryRemoveAsync()
    {
        // The run may have ended because it was cancelled, or because a system is away, which must not hold up a stop.
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20), services.Time);
        foreach (var (record, volume, _) in _taken)
        {
            var (location, id) = (record.Text("spec", "location")!, record.Text("status", "providerSnapshotID"));
            if (id is null) continue;
            try
            {
                await (await _opened.OpenAsync(location, limit.Token)).Snapshotter.DeleteSnapshotAsync(id, limit.Token);
            }
            catch (Exception e) when (e is SnapshotException or OperationCanceledException)
            {
                services.Log.SnapshotLeft(id, location, volume.Name(), scope.Backup.Name, e.Message);
            }
        }
    }

    public void Dispose() => _opened.Dispose();

    private (VolumeSnapshotLocation Location, ISnapshotProvider Provider)? Find(JsonObject volume)
    {
        foreach (var found in _locations)
        {
            if (found.Provider.VolumeIdOf(volume) is not null) return found;
        }

        return null;
    }

    private Dictionary<string, string> Tags(JsonObject volume)
    {
        var tags = scope.Backup.Object.StringMap("metadata", "labels").ToDictionary(StringComparer.Ordinal);
        tags["velero.io/backup"] = scope.Backup.Name;
        tags["velero.io/pv"] = volume.Name();
        tags[UidTag] = scope.Backup.Uid;
        return tags;
    }
}
