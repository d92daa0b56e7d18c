namespace NodeAgent.Filesystem.Capture;

/// <summary>
/// Looks at names before the walk comes to them, on other threads: asks what they are, compares them with the parent snapshot, opens and lists directories, reads
/// small files. The walk takes what was seen in its own order, so that a snapshot does not depend on who was faster; and what nobody has begun to look at it looks at itself,
/// so that it never waits for a helper that has not come yet.
/// </summary>
/// <remarks>
/// Helpers take the work that the walk comes to first: an open directory waits as long as it has batches that were not begun, and so do the directories that are found in a
/// batch. How far ahead they go is bounded, see <see cref="AheadBudget"/>. All that is public is for the walk's thread.
/// </remarks>
internal sealed class LookAhead(NameScout scout, AheadBudget budget, int helpers, CancellationToken cancellationToken)
{
    /// <summary>What the batches may hold that the walk has begun with and left for the directories in them: beyond that it is looked at again.</summary>
    private const int MostHeldNames = 8192;
    private const long MostHeldBytes = 4 << 20;

    private readonly Lock _gate = new();
    private readonly PriorityQueue<WorkPlace, WorkPlace> _work = new();

    /// <summary>Directories that were opened and that the walk has not come to.</summary>
    private readonly HashSet<OpenedDirectory> _waiting = [];
    private int _helping;
    private bool _isStopped;
    private TaskCompletionSource? _idle;
    private long _heldNames;
    private long _heldBytes;

    /// <summary>Tells of a directory that the walk opened by itself.</summary>
    public void Add(OpenedDirectory directory)
    {
        // It may be one that helpers have left alone, while they went on behind it as far as they may.
        budget.AllowMore();
        lock (_gate) Push(WorkPlace.Of(directory));
        CallHelper();
    }

    /// <summary>The batch in which the next name of a directory is, looked at. To be released.</summary>
    public async ValueTask<NameBatch> GetAsync(OpenedDirectory directory)
    {
        var batch = directory.Batch(directory.Next / NameBatch.Length);
        if (batch.TryTake()) await SeeAsync(batch);
        await batch.WaitAsync();
        budget.ReturnNames(batch.Count);
        budget.ReturnBytes(batch.ContentBytes);
        budget.AllowLess();
        _heldNames += batch.Count;
        _heldBytes += batch.ContentBytes;
        CallHelper();
        return batch;
    }

    /// <summary>The walk is through with a batch.</summary>
    public void Release(NameBatch batch)
    {
        _heldNames -= batch.Count;
        _heldBytes -= batch.ContentBytes;
        scout.Release(batch);
    }

    /// <summary>Opens a directory, unless a helper did, and gives it to the walk; null when the walk has to look at its name anew.</summary>
    public async ValueTask<OpenedDirectory?> OpenAsync(ClosedDirectory directory)
    {
        if (directory.TryTake()) Open(directory);
        await directory.WaitAsync();
        if (directory.Opened is not { } opened) return null;
        lock (_gate) _waiting.Remove(opened);
        budget.ReturnDirectory();
        budget.ReturnBytes(opened.AheadBytes);
        CallHelper();
        return opened;
    }

    /// <summary>
    /// The walk leaves a batch for a directory in it. Where thousands of directories lie in one another, each with a batch that was begun, what was seen in them is let go.
    /// </summary>
    public void Leave(NameBatch batch, int next)
    {
        if (_heldNames <= MostHeldNames && _heldBytes <= MostHeldBytes) return;
        for (var i = next - batch.Start; i < batch.Count; i++)
        {
            // One that a helper has begun with stays: it would stay open otherwise.
            if (batch.Seen[i].Directory is not { } directory || directory.TryTake()) batch.Seen[i] = default;
        }

        scout.Drop(batch);
        _heldBytes -= batch.ContentBytes;
        batch.ContentBytes = 0;
    }

    /// <summary>Waits for helpers, and closes what the walk did not come to. Nothing is begun afterwards.</summary>
    public async Task StopAsync()
    {
        lock (_gate)
        {
            _isStopped = true;
            _work.Clear();
            if (_helping > 0) _idle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        if (_idle is not null) await _idle.Task;
        foreach (var directory in _waiting) directory.Dispose();
        _waiting.Clear();
    }

    private void CallHelper()
    {
        lock (_gate)
        {
            // The walk may have been faster, and what it is through with is not to pile up, whether helpers have room or not.
            while (_work.TryPeek(out var first, out _) && IsDone(first)) _work.Dequeue();
            if (_isStopped || _helping == helpers || _work.Count == 0 || !budget.HasMuchRoom) return;
            _helping++;
        }

        _ = Task.Run(HelpAsync, CancellationToken.None);
    }

    /// <summary>Does some work, then goes to the end of the pool's queue: others want its threads, too.</summary>
    private async Task HelpAsync()
    {
        for (var seen = 0; seen < NameBatch.Length;)
        {
            switch (NextWork())
            {
                case NameBatch batch:
                    await SeeAsync(batch);
                    seen += batch.Count;
                    break;
                case ClosedDirectory directory:
                    Open(directory);
                    seen++;
                    break;
                default:
                    return;
            }
        }

        _ = Task.Run(HelpAsync, CancellationToken.None);
    }

    /// <summary>What is to be done next, taken; null when there is nothing, or no room: this helper has ended then.</summary>
    private AheadWork? NextWork()
    {
        lock (_gate)
        {
            while (!_isStopped && !cancellationToken.IsCancellationRequested && budget.HasRoom && _work.TryDequeue(out var work, out _))
            {
                if (work.Closed is { } closed)
                {
                    if (closed.TryTake()) return closed;
                    continue;
                }

                while (work.Directory.NextToSee < work.Directory.BatchCount)
                {
                    var batch = work.Directory.Batch(work.Directory.NextToSee++);
                    if (!batch.TryTake()) continue;
                    if (work.Directory.NextToSee < work.Directory.BatchCount) Push(WorkPlace.Of(work.Directory));
                    return batch;
                }
            }

            if (--_helping == 0) _idle?.TrySetResult();
            return null;
        }
    }

    private async Task SeeAsync(NameBatch batch)
    {
        try
        {
            budget.TakeNames(batch.Count);
            await scout.SeeAsync(batch, cancellationToken);
            Push(batch);
            batch.Complete(null);
        }
        catch (Exception exception)
        {
            // The walk ends with it.
            batch.Complete(exception);
        }
    }

    private void Open(ClosedDirectory directory)
    {
        try
        {
            budget.TakeDirectory();
            scout.Open(directory);
            if (directory.Opened is not { } opened) budget.ReturnDirectory();
            else
            {
                lock (_gate)
                {
                    _waiting.Add(opened);
                    Push(WorkPlace.Of(opened));
                }
            }

            directory.Complete(null);
        }
        catch (Exception exception)
        {
            directory.Complete(exception);
        }
    }

    /// <summary>The directories of a batch are work, too.</summary>
    private void Push(NameBatch batch)
    {
        lock (_gate)
        {
            foreach (var seen in batch.Seen)
            {
                if (seen.Directory is { } directory) Push(WorkPlace.Of(directory));
            }
        }
    }

    /// <summary>Under the lock.</summary>
    private void Push(WorkPlace work)
    {
        if (!_isStopped) _work.Enqueue(work, work);
    }

    /// <summary>Whether somebody has taken all of it. Under the lock.</summary>
    private static bool IsDone(WorkPlace work)
    {
        if (work.Closed is { } closed) return closed.IsTaken;
        while (work.Directory.NextToSee < work.Directory.BatchCount)
        {
            if (!work.Directory.Batch(work.Directory.NextToSee).IsTaken) return false;
            work.Directory.NextToSee++;
        }

        return true;
    }
}
