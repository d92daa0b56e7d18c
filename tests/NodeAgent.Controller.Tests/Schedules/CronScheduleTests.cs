using System.Globalization;
using NodeAgent.Controller.Schedules;

namespace NodeAgent.Controller.Tests.Schedules;

public sealed class CronScheduleTests
{
    [Theory]
    [InlineData("0 3 * * *", "2026-01-31T03:00:00Z", "2026-02-01T03:00:00Z")]
    [InlineData("*/15 * * * *", "2026-01-31T10:07:30Z", "2026-01-31T10:15:00Z")]
    [InlineData("5/20 * * * *", "2026-01-31T10:46:00Z", "2026-01-31T11:05:00Z")]
    [InlineData("0 0 1,15 * *", "2026-01-15T00:00:00Z", "2026-02-01T00:00:00Z")]
    [InlineData("30 8 * jan-mar MON-FRI", "2026-03-31T09:00:00Z", "2027-01-01T08:30:00Z")]
    [InlineData("0 0 13 * FRI", "2026-01-01T12:00:00Z", "2026-01-02T00:00:00Z")]
    [InlineData("0 0 * * 7", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z")]
    [InlineData("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z")]
    [InlineData("@daily", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")]
    [InlineData("@every 90m", "2026-01-01T00:10:00Z", "2026-01-01T01:40:00Z")]
    public void The_next_time_is_strictly_later(string expression, string after, string expected) =>
        Assert.Equal(Time(expected), CronSchedule.Parse(expression).Next(Time(after)));

    [Theory]
    [InlineData("0 0 31 2 *")]
    [InlineData("0 0 30 2 *")]
    [InlineData("0 0 31 4,6,9,11 *")]
    public void A_date_that_never_comes_is_never(string expression) => Assert.Null(CronSchedule.Parse(expression).Next(Time("2026-01-01T00:00:00Z")));

    [Fact]
    public void The_day_that_comes_only_after_eight_years_comes() => Assert.Equal(Time("2104-02-29T00:00:00Z"), CronSchedule.Parse("0 0 29 2 *").Next(Time("2096-03-01T00:00:00Z")));

    [Theory]
    // 1:00 to 1:59 comes at 05:00 and again at 06:00 UTC.
    [InlineData("*/15 * * * *", "2026-11-01T05:45:00Z", "2026-11-01T06:00:00Z")]
    [InlineData("*/15 * * * *", "2026-11-01T06:45:00Z", "2026-11-01T07:00:00Z")]
    [InlineData("0 * * * *", "2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z")]
    [InlineData("0 * * * *", "2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z")]
    [InlineData("*/30 1 * * *", "2026-11-01T05:30:00Z", "2026-11-01T06:00:00Z")]
    // A time of the day comes once.
    [InlineData("30 1 * * *", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z")]
    [InlineData("30 1 * * *", "2026-11-01T04:00:00Z", "2026-11-01T05:30:00Z")]
    public void Frequent_runs_go_on_through_an_hour_that_the_clock_repeats(string expression, string after, string next)
    {
        Assert.SkipUnless(TimeZoneInfo.TryFindSystemTimeZoneById("America/New_York", out _), "no time zone data on this machine: install tzdata");
        Assert.Equal(DateTimeOffset.Parse(next, CultureInfo.InvariantCulture), CronSchedule.Parse($"CRON_TZ=America/New_York {expression}").Next(DateTimeOffset.Parse(after, CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void An_hour_that_the_clock_repeats_has_one_run()
    {
        Assert.SkipUnless(TimeZoneInfo.TryFindSystemTimeZoneById("Europe/Berlin", out _), "no time zone data on this machine: install tzdata");
        var cron = CronSchedule.Parse("CRON_TZ=Europe/Berlin 30 2 * * *");
        // On 25 October 2026 the clock goes from 3 back to 2.
        var first = cron.Next(Time("2026-10-24T12:00:00Z"));
        Assert.Equal(Time("2026-10-25T00:30:00Z"), first);
        Assert.Equal(Time("2026-10-26T01:30:00Z"), cron.Next(first!.Value));
    }

    [Fact]
    public void A_zone_moves_the_time_and_a_skipped_hour_has_none()
    {
        Assert.SkipUnless(TimeZoneInfo.TryFindSystemTimeZoneById("Europe/Berlin", out _), "no time zone data on this machine: install tzdata");
        var cron = CronSchedule.Parse("CRON_TZ=Europe/Berlin 30 2 * * *");
        Assert.Equal(Time("2026-03-28T01:30:00Z"), cron.Next(Time("2026-03-27T12:00:00Z")));
        // On 29 March 2026 the clock goes from 2 to 3.
        Assert.Equal(Time("2026-03-30T00:30:00Z"), cron.Next(Time("2026-03-28T12:00:00Z")));
    }

    [Theory]
    [InlineData("", "non-empty")]
    [InlineData("* * * *", "4 fields")]
    [InlineData("60 * * * *", "minute")]
    [InlineData("* * * 13 *", "month")]
    [InlineData("* 5-3 * * *", "backwards")]
    [InlineData("*/0 * * * *", "step")]
    [InlineData("a * * * *", "minute")]
    [InlineData("@every soon", "@every")]
    [InlineData("TZ=Nowhere/Land * * * * *", "Nowhere/Land")]
    public void What_is_no_schedule_is_named(string expression, string message) =>
        Assert.Contains(message, Assert.Throws<FormatException>(() => CronSchedule.Parse(expression)).Message, StringComparison.Ordinal);

    private static DateTimeOffset Time(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
}
