using NodeAgent.Kubernetes.Queues;

namespace NodeAgent.Kubernetes.Tests.Queues;

public sealed class WorkQueueTests : IDisposable
{
    private readonly ManualTimeProvider _time = new();
    private readonly WorkQueue<string> _queue;

    public WorkQueueTests() => _queue = new WorkQueue<string>(new WorkQueueOptions { Time = _time, MinBackoff = TimeSpan.FromSeconds(1), MaxBackoff = TimeSpan.FromSeconds(5) });

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _queue.Dispose();

    [Fact]
    public async Task A_key_that_is_added_often_is_given_out_once_and_in_order()
    {
        foreach (var key in "abacb") _queue.Add($"{key}");
        Assert.Equal(3, _queue.Count);
        Assert.Equal(["a", "b", "c"], [await TakeAsync(), await TakeAsync(), await TakeAsync()]);
        Assert.Equal(0, _queue.Count);
    }

    [Fact]
    public async Task A_key_that_is_added_while_it_is_worked_on_waits_until_that_is_done()
    {
        _queue.Add("a");
        await TakeAsync();
        _queue.Add("a");
        _queue.Add("a");
        Assert.Equal(0, _queue.Count);
        _queue.Done("a");
        Assert.Equal("a", await TakeAsync());
        _queue.Done("a");
        Assert.Equal(0, _queue.Count);
    }

    [Fact]
    public async Task A_worker_waits_for_a_key()
    {
        var take = TakeAsync();
        Assert.False(take.IsCompleted);
        _queue.Add("a");
        Assert.Equal("a", await take);
    }

    [Fact]
    public void Of_several_delays_the_earliest_counts_and_the_key_comes_once()
    {
        _queue.AddAfter("a", TimeSpan.FromSeconds(10));
        _queue.AddAfter("a", TimeSpan.FromSeconds(2));
        _queue.AddAfter("a", TimeSpan.FromSeconds(5));
        _queue.AddAfter("b", TimeSpan.FromSeconds(3));
        _time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.Equal(0, _queue.Count);
        _time.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Equal(1, _queue.Count);
        _time.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal(2, _queue.Count);
    }

    [Fact]
    public void A_failing_key_is_kept_back_twice_as_long_each_time_up_to_the_limit_until_it_succeeds()
    {
        Assert.Equal([1, 2, 4, 5, 5], Enumerable.Range(0, 5).Select(_ => (int)_queue.AddBackoff("a").TotalSeconds));
        Assert.Equal(TimeSpan.FromSeconds(1), _queue.AddBackoff("b"));
        Assert.Equal(TimeSpan.FromSeconds(30), _queue.AddBackoff("b", TimeSpan.FromSeconds(30)));
        _queue.Forget("a");
        Assert.Equal(TimeSpan.FromSeconds(1), _queue.AddBackoff("a"));
    }

    [Fact]
    public async Task After_a_shutdown_what_waits_is_given_out_and_then_everybody_hears_of_the_end()
    {
        _queue.Add("a");
        _queue.AddAfter("later", TimeSpan.FromSeconds(1));
        _queue.ShutDown();
        _queue.Add("new");
        var drained = _queue.DrainAsync(Cancellation);
        Assert.Equal("a", await TakeAsync());
        Assert.False((await _queue.TakeAsync(Cancellation)).HasKey);
        Assert.False((await _queue.TakeAsync(Cancellation)).HasKey);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(0, _queue.Count);
        Assert.False(drained.IsCompleted);
        _queue.Done("a");
        await drained;
    }

    [Fact]
    public async Task Many_workers_never_hold_one_key_at_once_and_lose_none()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("NODEAGENT_SEED"), out var given) ? given : Random.Shared.Next();
        TestContext.Current.TestOutputHelper?.WriteLine($"NODEAGENT_SEED={seed}");
        var random = new Random(seed);
        var held = new int[20];
        var version = new int[20];
        var seen = new int[20];
        using var queue = new WorkQueue<int>(new WorkQueueOptions());
        var workers = Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            while (await queue.TakeAsync(Cancellation) is { HasKey: true, Key: var key })
            {
                Assert.Equal(1, Interlocked.Increment(ref held[key]));
                Volatile.Write(ref seen[key], Volatile.Read(ref version[key]));
                await Task.Yield();
                Interlocked.Decrement(ref held[key]);
                queue.Done(key);
            }
        })).ToArray();
        for (var i = 0; i < 20_000; i++)
        {
            var key = random.Next(20);
            Interlocked.Increment(ref version[key]);
            queue.Add(key);
        }

        queue.ShutDown();
        await Task.WhenAll(workers);
        await queue.DrainAsync(Cancellation);
        Assert.Equal(version, seen);
    }

    private async Task<string> TakeAsync() => (await _queue.TakeAsync(Cancellation)).Key;
}
