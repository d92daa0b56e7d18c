namespace NodeAgent.Filesystem.Tests;

/// <summary>A container sees the processors of its node, and has memory of its own.</summary>
public sealed class WorkerCountTests
{
    private const long MiB = 1 << 20;

    [Theory]
    [InlineData(64, 384, 10)] // all of what .NET gives in a container of 512 MiB
    [InlineData(64, 256, 5)]
    [InlineData(4, 384, 4)]
    [InlineData(64, 100, 1)]
    [InlineData(64, 1 << 20, 64)]
    public void Workers_of_a_backup_are_what_was_asked_for_as_far_as_the_memory_reaches(int asked, long mebibytes, int expected)
    {
        var count = WorkerCount.ForBackup(asked, mebibytes * MiB);
        Assert.Equal((expected, asked, expected < asked), (count.Number, count.Wanted, count.IsBounded));
    }

    [Theory]
    [InlineData(64, 128, 3)]
    [InlineData(64, 10, 1)]
    [InlineData(2, 384, 2)]
    public void Workers_of_a_restore_are_too(int asked, long mebibytes, int expected) => Assert.Equal(expected, WorkerCount.ForRestore(asked, mebibytes * MiB).Number);

    [Fact]
    public void Where_nothing_is_asked_for_there_are_no_more_than_processors()
    {
        Assert.Equal(Environment.ProcessorCount, WorkerCount.ForBackup(0, 1L << 50).Number);
        Assert.Equal(Environment.ProcessorCount, WorkerCount.ForRestore(0, 1L << 50).Number);
    }
}
