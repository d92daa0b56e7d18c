using System.Diagnostics.Metrics;

namespace NodeAgent.Agent;

/// <summary>The agent's instruments, under Velero's names where Velero has one.</summary>
internal sealed class Telemetry : IDisposable
{
    public const string MeterName = "NodeAgent.Agent";

    private readonly Meter _meter = new(MeterName);
    private readonly KeyValuePair<string, object?> _node;
    private readonly Counter<long> _enqueued;
    private readonly Counter<long> _dequeued;
    private readonly Counter<long> _readBytes;
    private readonly Counter<long> _newBytes;
    private readonly Counter<long> _storedBytes;
    private readonly Counter<long> _restoredBytes;
    private readonly Counter<long> _ended;
    private readonly Histogram<double> _seconds;

    public Telemetry(string node)
    {
        _node = new("node", node);
        _enqueued = _meter.CreateCounter<long>("podVolume_pod_volume_backup_enqueue_count", description: "Volume backups taken in hand");
        _dequeued = _meter.CreateCounter<long>("podVolume_pod_volume_backup_dequeue_count", description: "Volume backups that ended, whichever way");
        _readBytes = _meter.CreateCounter<long>("nodeagent_backup_bytes_total", description: "Bytes in the files of volumes backed up");
        _newBytes = _meter.CreateCounter<long>("nodeagent_backup_new_bytes_total", description: "Bytes that the repository did not have, before compression");
        _storedBytes = _meter.CreateCounter<long>("nodeagent_backup_stored_bytes_total", description: "Bytes added to the store by backups");
        _restoredBytes = _meter.CreateCounter<long>("nodeagent_restore_bytes_total", description: "Bytes in files written by restores");
        _ended = _meter.CreateCounter<long>("nodeagent_volume_runs_total", description: "Volume backups and restores that ended, by phase");
        _seconds = _meter.CreateHistogram("nodeagent_volume_run_duration_seconds", unit: "s", description: "Duration of volume backups and restores", advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14400],
        });
        // The series exist from the start, so that a rate over them sees the first increment.
        _enqueued.Add(0, _node);
        _dequeued.Add(0, _node);
    }

    public void BackupTaken() => _enqueued.Add(1, _node);

    public void BackupEnded(string phase, TimeSpan took)
    {
        _dequeued.Add(1, _node);
        Ended("backup", phase, took);
    }

    public void BackupStored(long read, long fresh, long stored)
    {
        _readBytes.Add(read, _node);
        _newBytes.Add(fresh, _node);
        _storedBytes.Add(stored, _node);
    }

    public void RestoreEnded(string phase, long bytes, TimeSpan took)
    {
        _restoredBytes.Add(bytes, _node);
        Ended("restore", phase, took);
    }

    public void Dispose() => _meter.Dispose();

    private void Ended(string operation, string phase, TimeSpan took)
    {
        _ended.Add(1, _node, new("operation", operation), new("phase", phase));
        _seconds.Record(took.TotalSeconds, _node, new("operation", operation));
    }
}
