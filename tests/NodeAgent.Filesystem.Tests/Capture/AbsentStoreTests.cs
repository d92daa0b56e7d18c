using NodeAgent.Filesystem.Tests.Support;

namespace NodeAgent.Filesystem.Tests.Capture;

public sealed class AbsentStoreTests
{
    [Fact]
    public async Task A_backup_of_small_files_whose_store_is_away_ends_soon_after_it_is_cancelled()
    {
        await using var test = await TestBackup.CreateAsync(TestBackup.SmallPacks);
        var random = SeededRandom.Create();
        for (var i = 0; i < 2000; i++) File.WriteAllBytes(test.InSource($"file {i}"), random.Bytes(16 << 10));
        var answer = new TaskCompletionSource();
        var asked = 0;
        var bothWait = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        test.Store.BeforePut = key =>
        {
            if (!key.StartsWith("data/", StringComparison.Ordinal)) return Task.CompletedTask;
            if (Interlocked.Increment(ref asked) == 2) bothWait.SetResult();
            return answer.Task;
        };
        using var stop = new CancellationTokenSource();
        var run = test.RunAsync(request => request with { Workers = 2 }, stop.Token);
        await bothWait.Task.WaitAsync(TimeSpan.FromSeconds(60), TestBackup.Cancellation);
        // Time for further packs to fill and to wait for their turn: on a machine that takes longer the test asks less.
        await Task.Delay(TimeSpan.FromSeconds(2), TestBackup.Cancellation);

        await stop.CancelAsync();

        try
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.WaitAsync(TimeSpan.FromSeconds(30), TestBackup.Cancellation));
        }
        finally
        {
            answer.SetResult();
            await run.ContinueWith(static _ => { }, TaskScheduler.Default);
        }
    }
}
