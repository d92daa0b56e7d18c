using NodeAgent.Agent.Runs;

namespace NodeAgent.Agent.Tests.Runs;

public sealed class RunRegistryTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task So_many_run_at_once_and_the_others_wait_their_turn()
    {
        using var registry = new RunRegistry(2);
        var (running, most) = (0, 0);
        using var gate = new SemaphoreSlim(0);
        using var ended = new CountdownEvent(5);
        for (var i = 0; i < 5; i++)
        {
            Assert.True(registry.TryStart($"{i}", async token =>
            {
                var now = Interlocked.Increment(ref running);
                InterlockedMax(ref most, now);
                await gate.WaitAsync(token);
                Interlocked.Decrement(ref running);
            }, () => ended.Signal()));
        }

        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref running) == 2, TimeSpan.FromSeconds(10)));
        gate.Release(5);
        Assert.True(ended.Wait(TimeSpan.FromSeconds(10), Cancellation));
        Assert.Equal(2, most);
        Assert.Equal(0, registry.Count);
        await registry.StopAsync(Long, Long);
    }

    [Fact]
    public async Task A_run_is_held_once()
    {
        using var registry = new RunRegistry(1);
        var end = new TaskCompletionSource();
        Assert.True(registry.TryStart("a", _ => end.Task, () => { }));
        Assert.False(registry.TryStart("a", _ => Task.CompletedTask, () => { }));
        Assert.True(registry.Holds("a"));
        end.SetResult();
        await registry.StopAsync(Long, Long);
        Assert.False(registry.Holds("a"));
    }

    [Fact]
    public async Task One_that_is_cancelled_while_it_waits_is_run_to_say_so()
    {
        using var registry = new RunRegistry(1);
        var end = new TaskCompletionSource();
        registry.TryStart("first", _ => end.Task, () => { });
        var saw = new TaskCompletionSource<bool>();
        registry.TryStart("second", token =>
        {
            saw.SetResult(token.IsCancellationRequested);
            return Task.CompletedTask;
        }, () => { });

        registry.Cancel("second");

        Assert.True(await saw.Task.WaitAsync(TimeSpan.FromSeconds(10), Cancellation));
        end.SetResult();
        await registry.StopAsync(Long, Long);
    }

    [Fact]
    public async Task Stopping_cancels_what_runs_and_never_starts_what_waits()
    {
        using var registry = new RunRegistry(1);
        var started = new TaskCompletionSource();
        var cancelled = false;
        var second = false;
        registry.TryStart("first", async token =>
        {
            started.SetResult();
            await Task.Delay(Timeout.Infinite, token).ContinueWith(_ => cancelled = true, TaskScheduler.Default);
        }, () => { });
        await started.Task.WaitAsync(TimeSpan.FromSeconds(10), Cancellation);
        registry.TryStart("second", _ =>
        {
            second = true;
            return Task.CompletedTask;
        }, () => { });

        await registry.StopAsync(TimeSpan.Zero, Long);

        Assert.True(cancelled);
        Assert.False(second);
        Assert.False(registry.TryStart("third", _ => Task.CompletedTask, () => { }));
    }

    [Fact]
    public async Task One_that_is_nearly_done_when_the_process_is_told_to_end_is_done()
    {
        using var registry = new RunRegistry(1);
        using var gate = new SemaphoreSlim(0);
        var (done, second) = (false, false);
        var started = new TaskCompletionSource();
        registry.TryStart("first", async token =>
        {
            started.SetResult();
            await gate.WaitAsync(token);
            done = true;
        }, () => { });
        await started.Task.WaitAsync(Long, Cancellation);
        registry.TryStart("second", _ => Task.FromResult(second = true), () => { });

        var stopping = registry.StopAsync(Long, Long);
        Assert.True(registry.IsStopping);
        Assert.False(stopping.IsCompleted);
        gate.Release();
        await stopping.WaitAsync(Long, Cancellation);

        Assert.True(done);
        Assert.False(second);
    }

    [Fact]
    public async Task One_that_does_not_end_although_it_is_stopped_is_given_up()
    {
        using var registry = new RunRegistry(1);
        var (end, lastWords) = (new TaskCompletionSource(), CancellationToken.None);
        var (started, ended) = (new TaskCompletionSource(), new TaskCompletionSource());
        registry.TryStart("deaf", _ =>
        {
            lastWords = registry.LastWords;
            started.SetResult();
            return end.Task;
        }, ended.SetResult);
        await started.Task.WaitAsync(Long, Cancellation);

        await registry.StopAsync(TimeSpan.Zero, TimeSpan.FromMilliseconds(50)).WaitAsync(Long, Cancellation);

        Assert.True(registry.Holds("deaf"));
        Assert.True(SpinWait.SpinUntil(() => lastWords.IsCancellationRequested, Long));
        registry.Dispose();
        end.SetResult();
        await ended.Task.WaitAsync(Long, Cancellation);
    }

    private static void InterlockedMax(ref int location, int value)
    {
        for (var seen = Volatile.Read(ref location); value > seen; seen = Volatile.Read(ref location))
        {
            if (Interlocked.CompareExchange(ref location, value, seen) == seen) return;
        }
    }
}
