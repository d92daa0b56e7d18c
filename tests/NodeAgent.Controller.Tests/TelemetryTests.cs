using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

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

    private static string Key(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var labels = new List<string>();
        foreach (var tag in tags) labels.Add($"{tag.Key}={tag.Value}");
        return $"{instrument.Name}{{{string.Join(",", labels)}}}";
    }
}
