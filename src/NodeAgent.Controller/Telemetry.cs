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
    private readonly Dictionary<string, Counter<long>> _counters;
    private readonly Histogram<double> _backupSeconds;
    private long _backups;
    private long _restores;

    public Telemetry()
    {
        _counters = Names.ToDictionary(n => n, n => _meter.CreateCounter<long>(n));
        // Every series exists from the start, so that a rate over it sees the first increment.
        foreach (var name in Names) Count(name, "", 0);
        _backupSeconds = _meter.CreateHistogram("velero_backup_duration_seconds", unit: "s", advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [60, 300, 600, 900, 1800, 3600, 7200, 10800, 14400],
        });
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
        "velero_restore_success_total", "velero_restore_partial_failure_total", "velero_restore_failed_total", "velero_restore_validation_failed_total",
    ];

    public void Count(string name, string schedule, long by = 1) => _counters[name].Add(by, new KeyValuePair<string, object?>("schedule", schedule));

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

    public void Dispose() => _meter.Dispose();

    private void Observe<T>(string name, ConcurrentDictionary<string, T> values, string label)
        where T : struct =>
        _meter.CreateObservableGauge(name, () => values.Select(v => new Measurement<T>(v.Value, new KeyValuePair<string, object?>(label, v.Key))));
}
