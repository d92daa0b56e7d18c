namespace NodeAgent.Filesystem.Tests;

public sealed class WorkerPoolTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_takes_long_does_not_hold_up_what_comes_after_it()
    {
        using var pool = new WorkerPool(2);
        var large = new TaskCompletionSource();
        _ = pool.Run(() => large.Task);
        // As many as may be under way together with it, one after the other on the other worker.
        for (var i = 0; i < 20; i++)
        {
            await pool.ThrottleAsync().AsTask().WaitAsync(Patience, Cancellation);
            await pool.Run(() => Task.CompletedTask).WaitAsync(Patience, Cancellation);
        }

        large.SetResult();
        await pool.DrainAsync().WaitAsync(Patience, Cancellation);
    }

    [Fact]
    public async Task Whoever_brings_more_than_can_be_done_is_held_up_until_some_of_it_is_done()
    {
        using var pool = new WorkerPool(1);
        using var gate = new SemaphoreSlim(0);
        for (var i = 0; i < 4; i++)
        {
            _ = pool.Run(async () =>
            {
                await gate.WaitAsync(Cancellation);
                throw new IOException("also what fails is done");
            });
        }

        var held = pool.ThrottleAsync().AsTask();
        Assert.False(held.IsCompleted);
        gate.Release();
        await held.WaitAsync(Patience, Cancellation);
        var drained = pool.DrainAsync();
        Assert.False(drained.IsCompleted);
        gate.Release(3);
        await drained.WaitAsync(Patience, Cancellation);
    }
}
