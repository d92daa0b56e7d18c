using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Queues;

namespace NodeAgent.Kubernetes.Tests.Queues;

public sealed class ReconcileLoopTests : IDisposable
{
    private readonly ManualTimeProvider _time = new();
    private readonly WorkQueue<string> _queue;
    private readonly ConcurrentQueue<string> _calls = new();

    public ReconcileLoopTests() => _queue = new WorkQueue<string>(new WorkQueueOptions { Time = _time });

    public void Dispose() => _queue.Dispose();

    [Fact]
    public async Task A_key_is_reconciled_again_when_it_asks_for_it()
    {
        await RunAsync((_, _) => Task.FromResult(_calls.Count < 2 ? ReconcileResult.After(TimeSpan.FromMinutes(1)) : ReconcileResult.Done), async () =>
        {
            _queue.Add("a");
            await Eventually.HoldsAsync(() => _calls.Count == 1 && _time.PendingTimers == 1, "the first call");
            _time.Advance(TimeSpan.FromSeconds(59));
            Assert.Single(_calls);
            _time.Advance(TimeSpan.FromSeconds(1));
            await Eventually.HoldsAsync(() => _calls.Count == 2, "the second call");
        });
    }

    [Fact]
    public async Task A_key_that_fails_is_tried_again_after_its_backoff_and_holds_up_no_other()
    {
        await RunAsync((key, _) => key == "bad" && _calls.Count(c => c == "bad") < 3 ? throw new InvalidOperationException("on purpose") : Task.FromResult(ReconcileResult.Done), async () =>
        {
            _queue.Add("bad");
            _queue.Add("good");
            await Eventually.HoldsAsync(() => _calls.Count == 2 && _time.PendingTimers == 1, "the first calls");
            _time.Advance(TimeSpan.FromSeconds(1));
            await Eventually.HoldsAsync(() => _calls.Count == 3 && _time.PendingTimers == 1, "the second try");
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.Equal(3, _calls.Count);
            _time.Advance(TimeSpan.FromSeconds(1));
            await Eventually.HoldsAsync(() => _calls.Count == 4, "the third try");
        });
        Assert.Equal(["bad", "good", "bad", "bad"], _calls);
    }

    [Fact]
    public async Task The_time_that_a_busy_server_asks_for_is_kept()
    {
        await RunAsync((_, _) => throw new ApiException(HttpStatusCode.TooManyRequests, "TooManyRequests", "busy") { RetryAfter = TimeSpan.FromSeconds(30) }, async () =>
        {
            _queue.Add("a");
            await Eventually.HoldsAsync(() => _calls.Count == 1 && _time.PendingTimers == 1, "the first call");
            _time.Advance(TimeSpan.FromSeconds(29));
            Assert.Single(_calls);
            _time.Advance(TimeSpan.FromSeconds(1));
            await Eventually.HoldsAsync(() => _calls.Count == 2, "the second call");
        });
    }

    [Fact]
    public async Task As_many_keys_are_worked_on_at_once_as_there_are_workers()
    {
        var release = new TaskCompletionSource();
        await RunAsync(
            async (_, _) =>
            {
                await release.Task;
                return ReconcileResult.Done;
            },
            async () =>
            {
                foreach (var key in "abcd") _queue.Add($"{key}");
                await Eventually.HoldsAsync(() => _calls.Count == 3, "three calls at once");
                Assert.Equal(1, _queue.Count);
                release.SetResult();
                await Eventually.HoldsAsync(() => _calls.Count == 4, "the last call");
            },
            workers: 3);
    }

    [Fact]
    public async Task A_stop_cancels_what_is_under_way_and_waits_for_its_end()
    {
        var ended = false;
        await RunAsync(
            async (_, cancellation) =>
            {
                try
                {
                    await Task.Delay(Timeout.InfiniteTimeSpan, cancellation);
                }
                finally
                {
                    await Task.Delay(20, CancellationToken.None);
                    ended = true;
                }

                return ReconcileResult.Done;
            },
            async () =>
            {
                _queue.Add("a");
                await Eventually.HoldsAsync(() => _calls.Count == 1, "the call");
                _queue.Add("b");
            });
        Assert.True(ended);
        Assert.Equal(["a"], _calls);
    }

    private async Task RunAsync(Func<string, CancellationToken, Task<ReconcileResult>> reconcile, Func<Task> test, int workers = 1)
    {
        using var stop = new CancellationTokenSource();
        var loop = new ReconcileLoop<string>("pods", _queue, (key, cancellation) =>
        {
            _calls.Enqueue(key);
            return reconcile(key, cancellation);
        }, workers, NullLogger.Instance);
        var running = loop.RunAsync(stop.Token);
        await test();
        await stop.CancelAsync();
        await running;
    }
}
