using NodeAgent.Cli.Progress;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Tests.Progress;

public sealed class ProgressTextTests
{
    private static readonly ProgressSample Halfway = new(1234, 50_000, 1L << 30, 2L << 30, true, 0, "/data/file");

    [Fact]
    public void The_line_shows_share_amounts_rate_and_time_left()
    {
        var rate = Rate(TimeSpan.FromSeconds(10), 1L << 30);
        Assert.Equal(
            "███████████████░░░░░░░░░░░░░░░   50%  0:10  1.0 GiB of 2.0 GiB, 1,234 of 50,000 files, 102.4 MiB/s, 0:10 left",
            ProgressText.LiveLine(Halfway, TimeSpan.FromSeconds(10), rate, 120));
    }

    [Theory]
    [InlineData(79, " 50%  0:10  1.0 GiB of 2.0 GiB, 1,234 of 50,000 files, 102.4 MiB/s, 0:10 left")]
    [InlineData(76, " 50%  0:10  1.0 GiB of 2.0 GiB, 102.4 MiB/s, 0:10 left")]
    [InlineData(59, " 50%  0:10  1.0 GiB of 2.0 GiB, 102.4 MiB/s, 0:10 left")]
    [InlineData(50, " 50%  0:10  1.0 GiB of 2.0 GiB, 0:10 left")]
    [InlineData(39, " 50%  1.0 GiB of 2.0 GiB, 0:10 left")]
    [InlineData(30, " 50%  1.0 GiB of 2.0 GiB")]
    [InlineData(20, " 50%  1.0 GiB of 2.…")]
    public void A_narrow_terminal_loses_the_bar_and_then_whole_parts_that_are_missed_least(int columns, string line) =>
        Assert.Equal(line, ProgressText.LiveLine(Halfway, TimeSpan.FromSeconds(10), Rate(TimeSpan.FromSeconds(10), 1L << 30), columns));

    [Fact]
    public void No_line_is_wider_than_the_terminal()
    {
        var rate = Rate(TimeSpan.FromSeconds(10), 1L << 30);
        var large = new ProgressSample(12_345_678, 23_456_789, 1L << 44, 1L << 45, true, 0, null) { Stage = "copying what is used" };
        foreach (var sample in (ProgressSample[])[Halfway, large, large with { TotalIsFinal = false }, large with { HasBytes = false }, large with { Unit = "" }])
        {
            for (var columns = 1; columns < 140; columns++)
                Assert.InRange(DisplayText.Width(ProgressText.LiveLine(sample, TimeSpan.FromHours(30), rate, columns)), 1, columns);
        }
    }

    [Fact]
    public void Totals_are_not_shown_before_they_are_final()
    {
        var sample = Halfway with { TotalIsFinal = false };
        Assert.Equal("0:10  1.0 GiB, 1,234 files", ProgressText.LiveLine(sample, TimeSpan.FromSeconds(10), new RateEstimator(), 120));
    }

    [Fact]
    public void A_part_of_a_run_says_what_it_does_and_leaves_out_what_it_does_not_count()
    {
        var copying = new ProgressSample(3, 12, 1L << 30, 4L << 30, true, 0, null) { Stage = "copying what is used", Unit = "packs" };
        Assert.Equal("copying what is used: 1.0 GiB of 4.0 GiB, 3 of 12 packs", ProgressText.Amounts(copying));
        var marking = new ProgressSample(3, 12, 0, 0, true, 0, null) { Stage = "finding what is used", Unit = "snapshots", HasBytes = false };
        Assert.Equal("finding what is used: 3 of 12 snapshots", ProgressText.Amounts(marking));
        Assert.Contains(" 25%  0:10  finding", ProgressText.LiveLine(marking, TimeSpan.FromSeconds(10), new RateEstimator(), 120), StringComparison.Ordinal);
        var beginning = new ProgressSample(0, 0, 0, 0, false, 0, null) { Stage = "reading the index", Unit = "", HasBytes = false };
        Assert.Equal("0:10  reading the index", ProgressText.LiveLine(beginning, TimeSpan.FromSeconds(10), new RateEstimator(), 120));
    }

    [Fact]
    public void The_rate_of_one_part_of_a_run_is_not_that_of_the_next()
    {
        var rate = Rate(TimeSpan.FromSeconds(1), 1L << 30);
        rate.Add(TimeSpan.FromSeconds(2), 0);
        rate.Add(TimeSpan.FromSeconds(3), 1000);
        Assert.Equal(1000, rate.BytesPerSecond);
    }

    [Fact]
    public void A_hundred_percent_is_shown_only_at_the_end()
    {
        var almost = Halfway with { BytesDone = (2L << 30) - 1 };
        Assert.Contains(" 99%", ProgressText.LiveLine(almost, TimeSpan.FromSeconds(10), new RateEstimator(), 120), StringComparison.Ordinal);
        var done = Halfway with { BytesDone = 2L << 30 };
        Assert.Contains("100%", ProgressText.LiveLine(done, TimeSpan.FromSeconds(10), new RateEstimator(), 120), StringComparison.Ordinal);
    }

    [Fact]
    public void The_rate_forgets_what_was_long_ago()
    {
        var rate = new RateEstimator();
        for (var second = 0; second <= 60; second++)
            rate.Add(TimeSpan.FromSeconds(second), second <= 30 ? second * 1000L : 30_000 + ((second - 30) * 10L));
        Assert.InRange(rate.BytesPerSecond, 9, 11);
    }

    private static RateEstimator Rate(TimeSpan at, long bytes)
    {
        var rate = new RateEstimator();
        rate.Add(TimeSpan.Zero, 0);
        rate.Add(at, bytes);
        return rate;
    }
}
