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

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(7, 1)]
    [InlineData(8, 2)]
    public async Task What_keeps_several_workers_busy_takes_turns_in_its_order(int workers, int atOnce)
    {
        using var pool = new WorkerPool(workers);
        var begun = new List<int>();
        var ends = Enumerable.Range(0, 6).Select(_ => new TaskCompletionSource()).ToList();
        var mayGoOn = new Action?[6];
        var all = Enumerable.Range(0, 6).Select(i => pool.RunInTurn(async whenRead =>
        {
            lock (begun)
            {
                mayGoOn[i] = whenRead;
                begun.Add(i);
            }

            await ends[i].Task;
        })).ToList();

        await HaveBegunAsync(atOnce);
        // One fails, one says that the next may begin and ends later: each lets one other begin, and no more.
        ends[0].SetException(new IOException("also what fails is done"));
        await HaveBegunAsync(atOnce + 1);
        if (workers > 1)
        {
            mayGoOn[1]!();
            mayGoOn[1]!();
            await HaveBegunAsync(atOnce + 2);
        }

        // What is neither of these finds a worker, as long as there is one.
        if (workers > 3) await pool.Run(() => Task.CompletedTask).WaitAsync(Patience, Cancellation);
        foreach (var end in ends.Skip(1)) end.SetResult();
        await pool.DrainAsync().WaitAsync(Patience, Cancellation);
        Assert.Equal([0, 1, 2, 3, 4, 5], begun.Order());
        if (atOnce == 1) Assert.Equal([0, 1, 2, 3, 4, 5], begun);
        await Assert.ThrowsAsync<IOException>(() => all[0]);

        async Task HaveBegunAsync(int count)
        {
            for (var tries = 0; tries < 1000 && Count() < count; tries++) await Task.Delay(10, Cancellation);
            await Task.Delay(50, Cancellation);
            Assert.Equal(count, Count());
        }

        int Count()
        {
            lock (begun) return begun.Count;
        }
    }
}
