using NodeAgent.Filesystem.Capture;
using NodeAgent.Filesystem.Tests.Support;

namespace NodeAgent.Filesystem.Tests.Capture;

public sealed class ReadWindowsTests
{
    [Fact]
    public async Task One_file_may_have_all_windows_and_another_gets_the_first_that_it_gives_back()
    {
        var windows = new ReadWindows(1000, 3);
        var first = await windows.TakeAsync(TestBackup.Cancellation);
        var second = windows.TryTakeAnother();
        var third = windows.TryTakeAnother();
        Assert.NotNull(second);
        Assert.NotNull(third);
        Assert.Null(windows.TryTakeAnother());

        var other = windows.TakeAsync(TestBackup.Cancellation).AsTask();
        Assert.False(other.IsCompleted);
        second.Release();
        var taken = await other;

        Assert.Same(second.Bytes, taken.Bytes);
        // It went to whoever has none, and not to the file that asks for one more.
        Assert.Null(windows.TryTakeAnother());
        first.Release();
        Assert.NotNull(windows.TryTakeAnother());
    }

    [Fact]
    public async Task Whoever_does_not_wait_any_more_takes_no_window()
    {
        var windows = new ReadWindows(1000, 1);
        var window = await windows.TakeAsync(TestBackup.Cancellation);
        using var cancelled = new CancellationTokenSource();
        var gone = windows.TakeAsync(cancelled.Token).AsTask();
        var stays = windows.TakeAsync(TestBackup.Cancellation).AsTask();

        cancelled.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        window.Release();

        Assert.Same(window.Bytes, (await stays).Bytes);
    }

    [Fact]
    public async Task A_window_goes_back_when_its_reader_and_its_chunks_are_done_with_it()
    {
        var windows = new ReadWindows(1000, 1);
        var window = await windows.TakeAsync(TestBackup.Cancellation);
        window.Share();
        window.Release();
        Assert.Null(windows.TryTakeAnother());
        window.Release();
        Assert.Same(window.Bytes, windows.TryTakeAnother()!.Bytes);
    }
}
