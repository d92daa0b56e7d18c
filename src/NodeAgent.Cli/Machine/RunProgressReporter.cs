using NodeAgent.Cli.Progress;
using NodeAgent.Filesystem;

namespace NodeAgent.Cli.Machine;

/// <summary>Hands what a run reports to the display, on the thread that reports it.</summary>
internal sealed class RunProgressReporter(ProgressDisplay display) : IProgress<RunProgress>
{
    public void Report(RunProgress value) => display.Report(new ProgressSample(
        value.FilesDone, value.FilesTotal, value.BytesDone, value.BytesTotal, value.TotalIsFinal, value.NewBytes, value.CurrentPath));
}
