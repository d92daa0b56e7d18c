using NodeAgent.Stores.Requests;

namespace NodeAgent.Stores.Tests.S3;

public sealed class FullJitterBackoffTests
{
    private static readonly TimeSpan Base = TimeSpan.FromSeconds(0.2);
    private static readonly TimeSpan Cap = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(1, 0.2)]
    [InlineData(2, 0.4)]
    [InlineData(5, 3.2)]
    [InlineData(7, 12.8)]
    [InlineData(8, 20)]
    [InlineData(int.MaxValue, 20)]
    public void Waits_are_drawn_over_the_whole_of_a_range_that_doubles_up_to_a_cap(int failures, double limit)
    {
        var drawn = new DrawnOnce(0.75);
        var backoff = new FullJitterBackoff(Base, Cap, drawn);
        Assert.Equal(0.75 * limit, backoff.DelayAfter(failures).TotalSeconds, 6);
        Assert.Equal(TimeSpan.Zero, new FullJitterBackoff(Base, Cap, new DrawnOnce(0)).DelayAfter(failures));
    }

    private sealed class DrawnOnce(double value) : Random
    {
        public override double NextDouble() => value;
    }
}
