using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace NodeAgent.Controller;

/// <summary>The controller's instruments, under the names that Velero's dashboards ask for. The schedule label is empty for backups made by hand.</summary>
internal sealed class Telemetry : IDisposable
{
    public const string MeterName = "NodeAgent.Controller";

    private readonly Meter _meter = new(MeterName);
    private readonly ConcurrentDictionary<string, int> _locations = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _lastStatus = new(StringComparer.Ordinal) { [""] = 1 };
    private readonly ConcurrentDictionary<string, long> _tarballSize = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _lastSuccess = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _items = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _itemErrors = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, double> _intervals = new(StringComparer.Ordinal);
    // By name, schedule and, for CSI snapshots, backup. Kept here and not in the instruments, so that series can go.
    private readonly ConcurrentDictionary<(string Name, string Schedule, string? Backup), long> _counts = new();
    private HashSet<string> _schedules = new(StringComparer.Ordinal);
    private HashSet<string> _knownLocations = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _damaged = new(StringComparer.Ordinal);
    private readonly Histogram<double> _backupSeconds;
    private readonly Histogram<double> _maintenanceSeconds;
    private readonly Counter<long> _maintenanceSuccesses;
    private readonly Counter<long> _maintenanceFailures;
    private readonly Counter<long> _freedBytes;
    private long _backups;
    private long _restores;

    public Telemetry()
    {
        foreach (var name in Names.Concat(CsiNames))
        {
            _meter.CreateObservableCounter(name, () => _counts.Where(c => c.Key.Name == name).Select(c => new Measurement<long>(c.Value, LabelsOf(c.Key))));
        }

        // Every series exists from the start, so that a rate over it sees the first increment.
        Announce("");
        Observe("velero_schedule_expected_interval_seconds", _intervals, "schedule");
        _backupSeconds = _meter.CreateHistogram("velero_backup_duration_seconds", unit: "s", advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [60, 300, 600, 900, 1800, 3600, 7200, 10800, 14400],
        });
        _maintenanceSeconds = _meter.CreateHistogram("velero_repo_maintenance_duration_seconds", unit: "s", advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [60, 300, 600, 900, 1800, 3600, 7200, 10800, 14400],
        });
        _maintenanceSuccesses = _meter.CreateCounter<long>("velero_repo_maintenance_success_total");
        _maintenanceFailures = _meter.CreateCounter<long>("velero_repo_maintenance_failure_total");
        _freedBytes = _meter.CreateCounter<long>("nodeagent_repo_maintenance_freed_bytes_total", unit: "By");
        Observe("nodeagent_repo_damaged_objects", _damaged, "repository_name");
        _meter.CreateObservableGauge("velero_backup_total", () => Interlocked.Read(ref _backups));
        _meter.CreateObservableGauge("velero_restore_total", () => Interlocked.Read(ref _restores));
        Observe("velero_backup_last_status", _lastStatus, "schedule");
        Observe("velero_backup_tarball_size_bytes", _tarballSize, "schedule");
        Observe("velero_backup_last_successful_timestamp", _lastSuccess, "schedule");
        Observe("velero_backup_items_total", _items, "schedule");
        Observe("velero_backup_items_errors", _itemErrors, "schedule");
        Observe("velero_backup_location_status_gauge", _locations, "backup_location_name");
    }

    private static string[] Names =>
    [
        "velero_backup_attempt_total", "velero_backup_success_total", "velero_backup_partial_failure_total", "velero_backup_failure_total",
        "velero_backup_validation_failure_total", "velero_backup_warning_total", "velero_backup_deletion_attempt_total",
        "velero_backup_deletion_success_total", "velero_backup_deletion_failure_total", "velero_restore_attempt_total",
        "velero_volume_snapshot_attempt_total", "velero_volume_snapshot_success_total", "velero_volume_snapshot_failure_total",
        "velero_restore_success_total", "velero_restore_partial_failure_total", "velero_restore_failed_total", "velero_restore_validation_failed_total",
    ];

    private static string[] CsiNames => ["velero_csi_snapshot_attempt_total", "velero_csi_snapshot_success_total", "velero_csi_snapshot_failure_total"];

    /// <summary>Counts something, by the schedule that it was made by; empty for what was made by hand.</summary>
    public void Count(string name, string schedule, long by = 1) => Add((Known(name, Names), schedule, null), by);

    /// <summary>Counts snapshots of CSI, which have the backup's name as well.</summary>
    public void CountCsi(string name, string schedule, string backup, long by = 1) => Add((Known(name, CsiNames), schedule, backup), by);

    /// <summary>A schedule is there: its series begin.</summary>
    /// <param name="interval">Between its next two runs; null when there are none.</param>
    public void ScheduleSeen(string name, TimeSpan? interval)
    {
        if (interval is { } given) _intervals[name] = given.TotalSeconds;
        Announce(name);
    }

    /// <summary>The schedules that there are; the series of one that is gone go.</summary>
    public void KeepSchedules(IReadOnlyCollection<string> names)
    {
        foreach (var gone in _schedules.Except(names))
        {
            foreach (var key in _counts.Keys.Where(k => k.Schedule == gone)) _counts.TryRemove(key, out _);
            foreach (var values in (ConcurrentDictionary<string, long>[])[_tarballSize, _lastSuccess, _items, _itemErrors]) values.TryRemove(gone, out _);
            _lastStatus.TryRemove(gone, out _);
            _intervals.TryRemove(gone, out _);
        }

        _schedules = [.. names];
    }

    /// <summary>The locations that there are; the series of one that is gone goes.</summary>
    public void KeepLocations(IReadOnlyCollection<string> names)
    {
        foreach (var gone in _knownLocations.Except(names)) _locations.TryRemove(gone, out _);
        _knownLocations = [.. names];
    }

    public void SetTotals(long? backups, long? restores)
    {
        if (backups is { } b) Interlocked.Exchange(ref _backups, b);
        if (restores is { } r) Interlocked.Exchange(ref _restores, r);
    }

    public void SetLocationAvailable(string name, bool available) => _locations[name] = available ? 1 : 0;

    /// <summary>Records a backup that ran to an end of whatever kind.</summary>
    public void BackupEnded(string schedule, bool succeeded, DateTimeOffset at, TimeSpan duration, long tarballBytes, long items, long errors)
    {
        _lastStatus[schedule] = succeeded ? 1 : 0;
        if (succeeded) _lastSuccess[schedule] = at.ToUnixTimeSeconds();
        _tarballSize[schedule] = tarballBytes;
        _items[schedule] = items;
        _itemErrors[schedule] = errors;
        _backupSeconds.Record(duration.TotalSeconds, new KeyValuePair<string, object?>("schedule", schedule));
    }

    /// <summary>Records a run of maintenance.</summary>
    /// <param name="damaged">Objects that are damaged or missing; null when that was not found out.</param>
    public void MaintenanceEnded(string repository, bool succeeded, TimeSpan duration, long freedBytes, int? damaged)
    {
        var label = new KeyValuePair<string, object?>("repository_name", repository);
        // Both series exist from the first run on.
        _maintenanceSuccesses.Add(succeeded ? 1 : 0, label);
        _maintenanceFailures.Add(succeeded ? 0 : 1, label);
        _maintenanceSeconds.Record(duration.TotalSeconds, label);
        _freedBytes.Add(freedBytes, label);
        if (damaged is { } count) _damaged[repository] = count;
    }

    public void Dispose() => _meter.Dispose();

    private void Announce(string schedule)
    {
        foreach (var name in Names) Add((name, schedule, null), 0);
        foreach (var name in CsiNames) Add((name, schedule, ""), 0);
        _lastStatus.TryAdd(schedule, 1);
    }

    private void Add((string Name, string Schedule, string? Backup) series, long by) => _counts.AddOrUpdate(series, by, (_, before) => before + by);

    private static string Known(string name, string[] names) => names.Contains(name) ? name : throw new ArgumentException($"there is no counter {name}", nameof(name));

    private static KeyValuePair<string, object?>[] LabelsOf((string Name, string Schedule, string? Backup) series) =>
        series.Backup is null ? [new("schedule", series.Schedule)] : [new("schedule", series.Schedule), new("backupName", series.Backup)];

    private void Observe<T>(string name, ConcurrentDictionary<string, T> values, string label)
        where T : struct =>
        _meter.CreateObservableGauge(name, () => values.Select(v => new Measurement<T>(v.Value, new KeyValuePair<string, object?>(label, v.Key))));
}
