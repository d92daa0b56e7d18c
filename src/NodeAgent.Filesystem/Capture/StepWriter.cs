using System.Threading.Channels;

namespace NodeAgent.Filesystem.Capture;

/// <summary>
/// The one way from the walk to the assembler: what is put there counts against the open bundle, whatever it is. Steps go in messages of several, since each message wakes
/// the assembler up. For the walk's thread.
/// </summary>
internal sealed class StepWriter(ChannelWriter<CapturedEntry[]> output, BundleWriter bundles)
{
    /// <summary>Steps in a full message.</summary>
    public const int StepsPerMessage = 64;

    private readonly List<CapturedEntry> _steps = new(StepsPerMessage);

    public ValueTask WriteAsync(CapturedEntry step, CancellationToken cancellationToken)
    {
        bundles.Step();
        _steps.Add(step);
        return _steps.Count < StepsPerMessage ? ValueTask.CompletedTask : FlushAsync(cancellationToken);
    }

    /// <summary>Hands over what there is: before a wait, which may be long, and at the end.</summary>
    public ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (_steps.Count == 0) return ValueTask.CompletedTask;
        CapturedEntry[] message = [.. _steps];
        _steps.Clear();
        return output.WriteAsync(message, cancellationToken);
    }
}
