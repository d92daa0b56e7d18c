using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Sync;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Events;

/// <summary>
/// Tells by an Event how backups and restores ended, and that a schedule is not valid or a location cannot be used: once when it comes to be so,
/// by what the objects say, whoever wrote it. Safe for concurrent use.
/// </summary>
internal sealed class PhaseEvents(EventWriter writer, TimeProvider time)
{
    // More objects than any cluster has; forgetting them costs at most that a recent end is looked up again.
    private const int MaxRemembered = 50_000;

    // An end that is older was told by the controller that ran then.
    private static readonly TimeSpan Recent = TimeSpan.FromMinutes(5);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, string> _states = new(StringComparer.Ordinal);

    public async Task ObserveAsync(ResourceKind kind, JsonObject item, CancellationToken cancellation)
    {
        var (reason, isWarning, message) = Describe(kind, item);
        var state = $"{item.Text("status", "phase")}\n{message}";
        bool wasKnown;
        lock (_gate)
        {
            if (_states.Count >= MaxRemembered) _states.Clear();
            wasKnown = _states.TryGetValue(item.Uid(), out var before);
            if (before == state) return;
            _states[item.Uid()] = state;
        }

        if (reason is null || (!wasKnown && !IsRecent(kind, item))) return;
        if (await writer.WriteAsync(item, kind.ApiVersion, kind.Kind, isWarning, reason, message, wasKnown, cancellation)) return;
        // The next look tries again.
        lock (_gate) _states.Remove(item.Uid());
    }

    private static (string? Reason, bool IsWarning, string Message) Describe(ResourceKind kind, JsonObject item)
    {
        var phase = item.Text("status", "phase");
        // A backup that comes from a location has ended long ago, in another cluster perhaps.
        if (kind == VeleroResources.Backups && item.Annotation(BackupSync.SyncedFrom) is null) return Run("backup", item, phase, item.Number("status", "progress", "itemsBackedUp"));
        if (kind == VeleroResources.Restores) return Run("restore", item, phase, item.Number("status", "progress", "itemsRestored"));
        if (kind == VeleroResources.Schedules && phase == SchedulePhase.FailedValidation) return (phase, true, Validation(item));
        var isLocation = kind == VeleroResources.BackupStorageLocations || kind == VeleroResources.VolumeSnapshotLocations;
        return isLocation && phase == LocationPhase.Unavailable ? (phase, true, item.Text("status", "message") ?? "the location cannot be used") : (null, false, "");
    }

    private static (string? Reason, bool IsWarning, string Message) Run(string what, JsonObject item, string? phase, long items)
    {
        var counts = $"{Count(items, "object")}, {Count(item.Number("status", "warnings"), "warning")}, {Count(item.Number("status", "errors"), "error")}";
        return phase switch
        {
            BackupPhase.Completed => (phase, false, $"the {what} is complete: {counts}"),
            BackupPhase.PartiallyFailed => (phase, true, $"the {what} has partially failed: {counts}; \"nodeagent {what} describe {item.Name()} --details\" lists them"),
            BackupPhase.Failed => (phase, true, item.Text("status", "failureReason") is { Length: > 0 } reason ? reason : $"the {what} has failed"),
            BackupPhase.FailedValidation => (phase, true, Validation(item)),
            _ => (null, false, ""),
        };
    }

    private static string Validation(JsonObject item) => string.Join("; ", (item.At("status", "validationErrors") as JsonArray ?? []).Select(e => e?.ToString()));

    private static string Count(long number, string noun) => number == 1 ? $"1 {noun}" : $"{number} {noun}s";

    /// <summary>Schedules and locations are as they are now, whenever that came about; to say it twice is no harm.</summary>
    private bool IsRecent(ResourceKind kind, JsonObject item)
    {
        if (kind != VeleroResources.Backups && kind != VeleroResources.Restores) return true;
        var ended = item.Text("status", "completionTimestamp") ?? item.Text("metadata", "creationTimestamp");
        return DateTimeOffset.TryParse(ended, CultureInfo.InvariantCulture, out var at) && time.GetUtcNow() - at < Recent;
    }
}
