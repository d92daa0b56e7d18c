using System.Runtime.ExceptionServices;

namespace NodeAgent.Controller.Backups;

/// <summary>
/// Runs blocks of items, some of them at once and each by itself. The first that fails as a whole ends the run with all the others, and its
/// failure is thrown where blocks are started or awaited. To be used by one caller at a time.
/// </summary>
internal sealed class BlockWorkers : IAsyncDisposable
{
    private readonly SemaphoreSlim _free;
    private readonly CancellationTokenSource _run;
    private readonly List<Task> _running = [];
    private ExceptionDispatchInfo? _failure;

    /// <param name="count">How many blocks run at once.</param>
    /// <param name="run">The whole run, whose token the blocks get: what they leave behind goes on after them, such as the wait for a volume.</param>
    public BlockWorkers(int count, CancellationTokenSource run)
    {
        _free = new SemaphoreSlim(count);
        _run = run;
    }

    /// <summary>Starts a block as soon as a worker is free. What is answered ends with the block and never fails.</summary>
    public async Task<Task> StartAsync(Func<CancellationToken, Task> block)
    {
        try
        {
            await _free.WaitAsync(_run.Token);
        }
        catch (OperationCanceledException)
        {
            Volatile.Read(ref _failure)?.Throw();
            throw;
        }

        _running.RemoveAll(r => r.IsCompleted);
        var running = RunAsync(block);
        _running.Add(running);
        return running;
    }

    /// <summary>Waits until all blocks that were started have ended.</summary>
    public async Task FinishAsync()
    {
        await Task.WhenAll(_running);
        _running.Clear();
        Volatile.Read(ref _failure)?.Throw();
    }

    public async ValueTask DisposeAsync()
    {
        // Whoever does not await its blocks has failed.
        if (_running.Any(r => !r.IsCompleted)) await _run.CancelAsync();
        await Task.WhenAll(_running);
        _free.Dispose();
    }

    private async Task RunAsync(Func<CancellationToken, Task> block)
    {
        try
        {
            await block(_run.Token);
        }
        catch (Exception e)
        {
            // Whatever it was, it is thrown again by the caller's next step. Those that it ends are no failures of their own.
            Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(e), null);
            await _run.CancelAsync();
        }
        finally
        {
            _free.Release();
        }
    }
}
