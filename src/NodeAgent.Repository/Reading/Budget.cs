namespace NodeAgent.Repository.Reading;

/// <summary>
/// How much may be taken at once, of memory or of anything. Whoever asks first is served first, whatever is asked for: a large demand
/// is not put off for ever by small ones. Thread-safe.
/// </summary>
public sealed class Budget(long limit)
{
    private readonly Lock _gate = new();
    private readonly Queue<(long Share, TaskCompletionSource Granted)> _waiting = new();
    private long _taken;

    /// <summary>Takes a share; one that is larger than the whole is granted when nothing else is taken.</summary>
    public async ValueTask TakeAsync(long share, CancellationToken cancellationToken)
    {
        TaskCompletionSource granted;
        lock (_gate)
        {
            if (_waiting.Count == 0 && Fits(share))
            {
                _taken += share;
                return;
            }

            granted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue((share, granted));
        }

        try
        {
            await granted.Task.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // It was granted meanwhile, or is to be granted to nobody when its turn comes.
            if (!granted.TrySetCanceled(CancellationToken.None)) Return(share);
            throw;
        }
    }

    /// <summary>Gives a share back.</summary>
    public void Return(long share)
    {
        lock (_gate)
        {
            _taken -= share;
            while (_waiting.TryPeek(out var next) && (next.Granted.Task.IsCompleted || Fits(next.Share)))
            {
                _waiting.Dequeue();
                if (next.Granted.TrySetResult()) _taken += next.Share;
            }
        }
    }

    private bool Fits(long share) => _taken == 0 || _taken + share <= limit;
}
