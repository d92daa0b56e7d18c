using NodeAgent.Filesystem.Capture;

namespace NodeAgent.Filesystem.Tests.Capture;

public sealed class AheadWorkTests
{
    private sealed class Work : AheadWork;

    [Fact]
    public void Only_the_first_takes_it()
    {
        var work = new Work();

        Assert.True(work.TryTake());
        Assert.False(work.TryTake());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Whoever_waits_gets_what_became_of_it(bool isDoneBefore)
    {
        var (done, failed) = (new Work(), new Work());
        var waits = isDoneBefore ? null : new[] { done.WaitAsync(), failed.WaitAsync() };
        if (waits is not null) Assert.All(waits, wait => Assert.False(wait.IsCompleted));

        done.Complete(null);
        failed.Complete(new IOException("gone"));
        waits ??= [done.WaitAsync(), failed.WaitAsync()];

        await waits[0];
        Assert.Equal("gone", (await Assert.ThrowsAsync<IOException>(() => waits[1])).Message);
    }
}
