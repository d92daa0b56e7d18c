using NodeAgent.Repository.Sessions;

namespace NodeAgent.Filesystem.Capture;

/// <summary>Tells how far a backup is, no more often than an interval allows.</summary>
internal sealed class ProgressReporter(IProgress<RunProgress>? progress, CaptureCounters counters, WriteSession session, TimeProvider time, TimeSpan interval)
{
    private long _last = time.GetTimestamp();

    public void Report(TreePath path)
    {
        if (progress is null || time.GetElapsedTime(_last) < interval) return;
        _last = time.GetTimestamp();
        progress.Report(Now(path.ToString()));
    }

    public void Finish() => progress?.Report(Now(null));

    private RunProgress Now(string? path) => new(counters.FilesDone, counters.Files, counters.BytesDone, counters.BytesSeen, counters.WalkDone, session.Statistics.NewDataBytes, path);
}
