using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Hosting.Metrics;

namespace NodeAgent.Controller.Tests;

public sealed class TelemetryTests
{
    [Fact]
    public void Instruments_have_the_names_that_dashboards_ask_for()
    {
        var seen = new ConcurrentDictionary<string, double>();
        Telemetry? telemetry = null;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == Telemetry.MeterName) l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((i, v, tags, _) => seen.AddOrUpdate(Key(i, tags), v, (_, old) => i is Counter<long> ? old + v : v));
        listener.SetMeasurementEventCallback<int>((i, v, tags, _) => seen[Key(i, tags)] = v);
        listener.SetMeasurementEventCallback<double>((i, v, tags, _) => seen[Key(i, tags)] = v);
        listener.Start();
        using (telemetry = new Telemetry())
        {
            telemetry.Count("velero_backup_success_total", "telemetry-test");
            telemetry.SetLocationAvailable("telemetry-test", false);
            telemetry.SetTotals(7, null);
            telemetry.BackupEnded("telemetry-test", true, DateTimeOffset.UnixEpoch.AddSeconds(5), TimeSpan.FromSeconds(2), 100, 10, 1);
            listener.RecordObservableInstruments();
        }

        Assert.Equal(1, seen["velero_backup_success_total{schedule=telemetry-test}"]);
        Assert.Equal(0, seen["velero_backup_location_status_gauge{backup_location_name=telemetry-test}"]);
        Assert.Equal(2, seen["velero_backup_duration_seconds{schedule=telemetry-test}"]);
        Assert.Equal(5, seen["velero_backup_last_successful_timestamp{schedule=telemetry-test}"]);
        Assert.Equal(100, seen["velero_backup_tarball_size_bytes{schedule=telemetry-test}"]);
        Assert.Equal(1, seen["velero_backup_last_status{schedule=telemetry-test}"]);
        Assert.Contains("velero_restore_validation_failed_total{schedule=}", seen.Keys);
        Assert.Contains("velero_backup_total{}", seen.Keys);
    }

    /// <summary>Every metric of Velero's server, with its labels, of a schedule, a location and a repository that no other test has: others record to the same names meanwhile.</summary>
    [Fact]
    public void Every_metric_of_Veleros_server_is_there_with_its_labels()
    {
        using var collector = new MetricsCollector(new MetricsOptions { Meters = [Telemetry.MeterName] }, NullLogger.Instance);
        using var telemetry = new Telemetry();
        telemetry.ScheduleSeen("tele-s", TimeSpan.FromHours(6));
        telemetry.KeepSchedules(["tele-s"]);
        telemetry.KeepLocations(["tele-l"]);
        telemetry.SetLocationAvailable("tele-l", true);
        telemetry.SetTotals(3, 4);
        telemetry.CountCsi("velero_csi_snapshot_attempt_total", "tele-s", "b");
        telemetry.BackupEnded("tele-s", true, DateTimeOffset.UnixEpoch.AddSeconds(5), TimeSpan.FromSeconds(61), 100, 10, 1);
        telemetry.MaintenanceEnded("tele-r", true, TimeSpan.FromSeconds(1), 9, 0);
        var lines = collector.WriteText().Split('\n');
        foreach (var name in (string[])[
            "backup_attempt_total", "backup_success_total", "backup_partial_failure_total", "backup_failure_total", "backup_validation_failure_total", "backup_warning_total",
            "backup_deletion_attempt_total", "backup_deletion_success_total", "backup_deletion_failure_total", "restore_attempt_total", "restore_success_total",
            "restore_partial_failure_total", "restore_failed_total", "restore_validation_failed_total", "volume_snapshot_attempt_total", "volume_snapshot_success_total",
            "volume_snapshot_failure_total"])
        {
            Assert.Contains($"velero_{name}{{schedule=\"tele-s\"}} 0", lines);
            Assert.Contains(lines, line => line.StartsWith($"velero_{name}{{schedule=\"\"}} ", StringComparison.Ordinal));
            Assert.Contains($"# TYPE velero_{name} counter", lines);
        }

        foreach (var name in (string[])["attempt", "success", "failure"]) Assert.Contains($"velero_csi_snapshot_{name}_total{{backupName=\"\",schedule=\"tele-s\"}} 0", lines);
        Assert.Contains("velero_csi_snapshot_attempt_total{backupName=\"b\",schedule=\"tele-s\"} 1", lines);
        foreach (var line in (string[])[
            "velero_backup_tarball_size_bytes{schedule=\"tele-s\"} 100", "velero_backup_last_successful_timestamp{schedule=\"tele-s\"} 5",
            "velero_backup_items_total{schedule=\"tele-s\"} 10", "velero_backup_items_errors{schedule=\"tele-s\"} 1", "velero_backup_last_status{schedule=\"tele-s\"} 1",
            "velero_backup_location_status_gauge{backup_location_name=\"tele-l\"} 1", "velero_schedule_expected_interval_seconds{schedule=\"tele-s\"} 21600",
            "velero_backup_duration_seconds_bucket{schedule=\"tele-s\",le=\"60\"} 0", "velero_backup_duration_seconds_bucket{schedule=\"tele-s\",le=\"300\"} 1",
            "velero_repo_maintenance_success_total{repository_name=\"tele-r\"} 1", "velero_repo_maintenance_failure_total{repository_name=\"tele-r\"} 0",
            "velero_repo_maintenance_duration_seconds_count{repository_name=\"tele-r\"} 1", "nodeagent_repo_maintenance_freed_bytes_total{repository_name=\"tele-r\"} 9",
            "nodeagent_repo_damaged_objects{repository_name=\"tele-r\"} 0"])
            Assert.Contains(line, lines);
        foreach (var name in (string[])["velero_backup_total", "velero_restore_total", "velero_backup_last_status{schedule=\"\"}"])
            Assert.Contains(lines, line => line.StartsWith(name + ' ', StringComparison.Ordinal));
    }

    [Fact]
    public void The_series_of_a_schedule_or_location_that_is_gone_go_with_it()
    {
        using var collector = new MetricsCollector(new MetricsOptions { Meters = [Telemetry.MeterName] }, NullLogger.Instance);
        using var telemetry = new Telemetry();
        telemetry.ScheduleSeen("tele-gone", TimeSpan.FromHours(6));
        telemetry.SetLocationAvailable("tele-gone", true);
        telemetry.BackupEnded("tele-gone", true, DateTimeOffset.UnixEpoch, TimeSpan.FromSeconds(1), 1, 1, 1);
        telemetry.KeepSchedules(["tele-gone", "kept"]);
        telemetry.KeepLocations(["tele-gone"]);
        Assert.Contains("velero_backup_attempt_total{schedule=\"tele-gone\"}", collector.WriteText(), StringComparison.Ordinal);
        telemetry.KeepSchedules(["kept"]);
        telemetry.KeepLocations([]);
        var left = collector.WriteText().Split('\n').Where(line => line.Contains("\"tele-gone\"", StringComparison.Ordinal)).Select(line => line.Split('{')[0]).Distinct();
        // A histogram is kept by the instrument itself and counts on.
        Assert.Equal(["velero_backup_duration_seconds_bucket", "velero_backup_duration_seconds_count", "velero_backup_duration_seconds_sum"], left.Order(StringComparer.Ordinal));
    }

    private static string Key(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var labels = new List<string>();
        foreach (var tag in tags) labels.Add($"{tag.Key}={tag.Value}");
        return $"{instrument.Name}{{{string.Join(",", labels)}}}";
    }
}
