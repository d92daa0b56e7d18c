using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Restore;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Restore;

/// <summary>Flushes that go on while files are still being made.</summary>
public sealed class EarlyFlushTests : IDisposable
{
    private const long Plenty = 64L << 30;
    private const long Half = (EarlyFlush.Enough / 2) + 1;

    private readonly string _directory = Directory.CreateTempSubdirectory("nodeagent-flush-").FullName;
    private readonly DirectoryHandle _target;
    private readonly SemaphoreSlim _mayEnd = new(0);
    private readonly SemaphoreSlim _begun = new(0);
    private int _flushes;

    public EarlyFlushTests() => _target = Files.OpenRoot(_directory);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task One_begins_when_much_was_written_and_none_beside_it()
    {
        using var flush = new EarlyFlush(_target, _directory, Plenty, hasMark: false, Flush);
        await flush.AddAsync(Half, Cancellation);
        Assert.Equal(0, _flushes);
        await flush.AddAsync(Half, Cancellation);
        await _begun.WaitAsync(Cancellation);
        for (var i = 0; i < 8; i++) await flush.AddAsync(EarlyFlush.Enough, Cancellation);
        Assert.Equal(1, _flushes);

        var end = flush.FinishAsync();
        Assert.False(end.IsCompleted);
        Assert.Equal(1, _flushes);
        _mayEnd.Release(2);
        await end;
        Assert.Equal(2, _flushes);
    }

    [Fact]
    public async Task What_was_written_meanwhile_begins_the_next_one()
    {
        using var flush = new EarlyFlush(_target, _directory, Plenty, hasMark: false, Flush);
        await flush.AddAsync(EarlyFlush.Enough, Cancellation);
        await _begun.WaitAsync(Cancellation);
        await flush.AddAsync(EarlyFlush.Enough, Cancellation);
        _mayEnd.Release(3);
        // Its thread may still be on its way out: whatever is written after that begins another.
        for (var i = 0; i < 1000 && !await _begun.WaitAsync(10, Cancellation); i++) await flush.AddAsync(0, Cancellation);
        await flush.FinishAsync();
        Assert.Equal(3, _flushes);
    }

    [Fact]
    public async Task One_that_fails_is_told_in_the_end_and_is_the_last()
    {
        using var flush = new EarlyFlush(_target, _directory, Plenty, hasMark: false, _ =>
        {
            Interlocked.Increment(ref _flushes);
            _begun.Release();
            throw new FileSystemException("syncfs", Errno.InputOutput);
        });
        await flush.AddAsync(EarlyFlush.Enough, Cancellation);
        await _begun.WaitAsync(Cancellation);
        await flush.AddAsync(EarlyFlush.Enough, Cancellation);
        // The system tells such an error once: a second flush would find nothing wrong.
        var told = await Assert.ThrowsAsync<IOException>(flush.FinishAsync);
        Assert.StartsWith(_directory + ": what was restored is not safe on the disk: ", told.Message, StringComparison.Ordinal);
        Assert.Throws<IOException>(flush.ThrowIfFailed);
        await flush.AddAsync(EarlyFlush.Enough, Cancellation);
        Assert.Equal(1, _flushes);
    }

    [Fact]
    public async Task Whoever_ends_early_does_not_wait_for_it_and_its_directory_stays_open_until_it_ends()
    {
        DirectoryHandle? used = null;
        var flush = new EarlyFlush(_target, _directory, Plenty, hasMark: false, target =>
        {
            used = target;
            Flush(target);
        });
        await flush.AddAsync(EarlyFlush.Enough, Cancellation);
        await _begun.WaitAsync(Cancellation);
        flush.Dispose();
        Assert.Equal(TreeEntryType.Directory, Files.Status(used!, []).Type);
        await flush.AddAsync(EarlyFlush.Enough, Cancellation);
        _mayEnd.Release();
        for (var i = 0; i < 1000 && !used!.IsClosed; i++) await Task.Delay(10, Cancellation);
        Assert.True(used!.IsClosed);
        Assert.Equal(1, _flushes);
    }

    [Fact]
    public async Task Where_memory_is_short_it_comes_sooner_and_whoever_makes_more_waits()
    {
        const long memory = 80 << 20;
        using var flush = new EarlyFlush(_target, _directory, memory, hasMark: false, Flush);
        await flush.AddAsync((memory / 8) - 1, Cancellation);
        Assert.Equal(0, _flushes);
        await flush.AddAsync(1, Cancellation);
        await _begun.WaitAsync(Cancellation);
        // With what is on its way to the disk.
        await flush.AddAsync((memory / 4) - (memory / 8) - 1, Cancellation);
        var waits = flush.AddAsync(1, Cancellation).AsTask();
        Assert.False(waits.IsCompleted);
        Assert.Equal(1, _flushes);
        _mayEnd.Release(2);
        await waits;
        await flush.AddAsync(1, Cancellation);
        await _begun.WaitAsync(Cancellation);
        Assert.Equal(2, _flushes);
    }

    [Fact]
    public async Task A_wait_for_it_ends_with_the_run()
    {
        using var flush = new EarlyFlush(_target, _directory, 1, hasMark: false, Flush);
        await flush.AddAsync(EarlyFlush.Enough, Cancellation);
        await _begun.WaitAsync(Cancellation);
        using var run = new CancellationTokenSource();
        var waits = flush.AddAsync(EarlyFlush.Enough, run.Token).AsTask();
        Assert.False(waits.IsCompleted);
        await run.CancelAsync();
        await waits;
        _mayEnd.Release();
    }

    [Fact]
    public void Small_files_take_whole_blocks_and_empty_ones_their_inode()
    {
        Assert.Equal(1 << 10, EarlyFlush.CostOfFile(0));
        Assert.Equal((1 << 10) + (4 << 10), EarlyFlush.CostOfFile(1));
        Assert.Equal((1 << 10) + (4 << 10), EarlyFlush.CostOfFile(4 << 10));
        Assert.Equal((1 << 10) + (8 << 10), EarlyFlush.CostOfFile((4 << 10) + 1));
    }

    public void Dispose()
    {
        // Where an assertion failed a flush may still wait, and uses both.
        _mayEnd.Release(100);
        _target.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private void Flush(DirectoryHandle target)
    {
        Assert.False(target.IsClosed);
        Interlocked.Increment(ref _flushes);
        _begun.Release();
        Assert.True(_mayEnd.Wait(TimeSpan.FromMinutes(1)), "nobody lets the flush end");
    }
}
