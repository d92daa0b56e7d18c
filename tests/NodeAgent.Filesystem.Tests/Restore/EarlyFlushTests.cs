using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Restore;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Tests.Restore;

/// <summary>Flushes that go on while files are still being made.</summary>
public sealed class EarlyFlushTests : IDisposable
{
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
        using var flush = new EarlyFlush(_target, Flush);
        flush.Add(Half);
        Assert.Equal(0, _flushes);
        flush.Add(Half);
        await _begun.WaitAsync(Cancellation);
        for (var i = 0; i < 10; i++) flush.Add(EarlyFlush.Enough);
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
        using var flush = new EarlyFlush(_target, Flush);
        flush.Add(EarlyFlush.Enough);
        await _begun.WaitAsync(Cancellation);
        flush.Add(EarlyFlush.Enough);
        _mayEnd.Release(3);
        // Its thread may still be on its way out: whatever is written after that begins another.
        for (var i = 0; i < 1000 && !await _begun.WaitAsync(10, Cancellation); i++) flush.Add(0);
        await flush.FinishAsync();
        Assert.Equal(3, _flushes);
    }

    [Fact]
    public async Task One_that_fails_is_told_in_the_end_and_is_the_last()
    {
        using var flush = new EarlyFlush(_target, _ =>
        {
            Interlocked.Increment(ref _flushes);
            _begun.Release();
            throw new FileSystemException("syncfs", Errno.InputOutput);
        });
        flush.Add(EarlyFlush.Enough);
        await _begun.WaitAsync(Cancellation);
        flush.Add(EarlyFlush.Enough);
        // The system tells such an error once: a second flush would find nothing wrong.
        Assert.Equal(Errno.InputOutput, (await Assert.ThrowsAsync<FileSystemException>(flush.FinishAsync)).Error);
        flush.Add(EarlyFlush.Enough);
        Assert.Equal(1, _flushes);
    }

    [Fact]
    public async Task Whoever_ends_early_does_not_wait_for_it_and_its_directory_stays_open_until_it_ends()
    {
        DirectoryHandle? used = null;
        var flush = new EarlyFlush(_target, target =>
        {
            used = target;
            Flush(target);
        });
        flush.Add(EarlyFlush.Enough);
        await _begun.WaitAsync(Cancellation);
        flush.Dispose();
        Assert.Equal(TreeEntryType.Directory, Files.Status(used!, []).Type);
        flush.Add(EarlyFlush.Enough);
        _mayEnd.Release();
        for (var i = 0; i < 1000 && !used!.IsClosed; i++) await Task.Delay(10, Cancellation);
        Assert.True(used!.IsClosed);
        Assert.Equal(1, _flushes);
    }

    public void Dispose()
    {
        _target.Dispose();
        _mayEnd.Dispose();
        _begun.Dispose();
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
