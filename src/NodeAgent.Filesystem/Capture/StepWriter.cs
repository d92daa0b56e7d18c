using System.Threading.Channels;

namespace NodeAgent.Filesystem.Capture;

/// <summary>
/// The one way from the walk to the assembler: what is put there counts against the open bundle, whatever it is. Steps go in messages of several, since each message wakes
/// the assembler up. For the walk's thread.
/// </summary>
internal sealed class StepWriter(Channel<CapturedEntry[]> queue, BundleWriter bundles)
{
    /// <summary>Steps in a full message.</summary>
    public const int StepsPerMessage = 64;

    /// <summary>
    /// Messages in the queue: more than a bundle may span, so that the walk never waits for a bundle that waits for the walk. As many again may be short ones.
    /// </summary>
    public const int QueueLength = FullMessages + ShortMessages;

    /// <summary>The steps of a bundle, and the message that is not full yet.</summary>
    private const int FullMessages = (BundleWriter.MaxSteps / StepsPerMessage) + 2;
    private const int ShortMessages = 30;

    private readonly List<CapturedEntry> _steps = new(StepsPerMessage);

    public ValueTask WriteAsync(CapturedEntry step, CancellationToken cancellationToken)
    {
        bundles.Step();
        _steps.Add(step);
        return _steps.Count < StepsPerMessage ? ValueTask.CompletedTask : FlushAsync(cancellationToken);
    }

    /// <summary>Hands over what there is, before a wait that may be long; but only while there is room for all full messages of an open bundle behind it.</summary>
    public ValueTask FlushBeforeWaitAsync(CancellationToken cancellationToken) =>
        queue.Reader.Count < ShortMessages ? FlushAsync(cancellationToken) : ValueTask.CompletedTask;

    /// <summary>Hands over what there is. The caller has closed the bundles.</summary>
    public ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (_steps.Count == 0) return ValueTask.CompletedTask;
        CapturedEntry[] message = [.. _steps];
        _steps.Clear();
        return queue.Writer.WriteAsync(message, cancellationToken);
    }
}
