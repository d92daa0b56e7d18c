using NodeAgent.Cli.Progress;
using NodeAgent.Repository.Verification;

namespace NodeAgent.Cli.Machine;

/// <summary>Shows how far a repair is.</summary>
internal sealed class CheckProgressReporter(ProgressDisplay display) : IProgress<CheckProgress>
{
    public void Report(CheckProgress value) =>
        display.Report(new ProgressSample(value.Done, value.Total, value.BytesDone, value.BytesTotal, true, 0, null) { Unit = value.Stage });
}
