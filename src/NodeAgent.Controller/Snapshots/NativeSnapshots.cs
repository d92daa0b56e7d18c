using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Snapshots;

/// <summary>The snapshots of one backup that storage systems make by themselves, and the record of them in Velero's form.</summary>
internal sealed class NativeSnapshots(BackupScope scope, ControllerServices services) : IDisposable
{
    private const string Completed = "Completed";
    private const string Failed = "Failed";

    private readonly List<(VolumeSnapshotLocation Location, ISnapshotProvider Provider)> _locations =
    [
        .. scope.Backup.Snapshots.Locations.Select(l => (l, services.Snapshots.Providers.Find(l.Spec.Provider)!)).Where(l => l.Item2 is not null),
    ];

    // What a location was found unusable for is remembered, so that its Secret is not asked for again with each volume.
    private readonly Dictionary<string, (IVolumeSnapshotter? Snapshotter, string? Problem)> _opened = new(StringComparer.Ordinal);
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
            var snapshotter = await OpenAsync(location, cancellation);
            traits = await snapshotter.DescribeVolumeAsync(id, zone, cancellation);
            snapshot = await snapshotter.CreateSnapshotAsync(id, zone, Tags(volume), cancellation);
            scope.Log.Info($"volume {volume.Name()} ({id}): snapshot {snapshot} begun in {location.Metadata.Name}");
        }
        catch (Exception e) when (e is SnapshotException or LocationException)
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
        var status = new JsonObject { ["phase"] = problem is null ? Completed : Failed };
        if (snapshot is not null) status["providerSnapshotID"] = snapshot;
        _taken.Add((new JsonObject { ["spec"] = spec, ["status"] = status }, volume, claim));
    }

    public void AddTo(JsonObject status)
    {
        if (_taken.Count == 0) return;
        status["volumeSnapshotsAttempted"] = _taken.Count;
        status["volumeSnapshotsCompleted"] = _taken.Count(t => t.Record.Text("status", "phase") == Completed);
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
            ["result"] = status.Text("phase") == Completed ? "succeeded" : "failed",
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
            if (id is null || _opened.GetValueOrDefault(location).Snapshotter is not { } snapshotter) continue;
            try
            {
                await snapshotter.DeleteSnapshotAsync(id, limit.Token);
            }
            catch (Exception e) when (e is SnapshotException or OperationCanceledException)
            {
                services.Log.SnapshotLeft(id, location, volume.Name(), scope.Backup.Name, e.Message);
            }
        }
    }

    public void Dispose()
    {
        foreach (var (snapshotter, _) in _opened.Values) snapshotter?.Dispose();
    }

    private (VolumeSnapshotLocation Location, ISnapshotProvider Provider)? Find(JsonObject volume)
    {
        foreach (var found in _locations)
        {
            if (found.Provider.VolumeIdOf(volume) is not null) return found;
        }

        return null;
    }

    private async Task<IVolumeSnapshotter> OpenAsync(VolumeSnapshotLocation location, CancellationToken cancellation)
    {
        var name = location.Metadata.Name!;
        if (!_opened.TryGetValue(name, out var opened))
        {
            try
            {
                opened = (await services.Snapshots.OpenAsync(location, cancellation), null);
            }
            catch (LocationException e)
            {
                opened = (null, e.Message);
            }

            _opened[name] = opened;
        }

        return opened.Snapshotter ?? throw new SnapshotException(opened.Problem!);
    }

    private Dictionary<string, string> Tags(JsonObject volume)
    {
        var tags = scope.Backup.Object.StringMap("metadata", "labels").ToDictionary(StringComparer.Ordinal);
        tags["velero.io/backup"] = scope.Backup.Name;
        tags["velero.io/pv"] = volume.Name();
        return tags;
    }
}
