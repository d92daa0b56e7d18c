using System.Globalization;
using NodeAgent.Repository.Snapshots.Retention;

namespace NodeAgent.Repository.Tests.Snapshots.Retention;

public sealed class RetentionSpanTests
{
    [Theory]
    [InlineData("7d", "7d")]
    [InlineData("1y5m7d2h", "1y5m7d2h")]
    [InlineData("2h1y", "1y2h")]
    [InlineData("2w1d", "15d")]
    [InlineData("0d", "0h")]
    public void Durations_are_read_in_any_order_and_written_in_one(string text, string written)
    {
        Assert.True(RetentionSpan.TryParse(text, out var span));
        Assert.Equal(written, span.ToString());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("7")]
    [InlineData("d")]
    [InlineData("-7d")]
    [InlineData("7d7d")]
    [InlineData("1.5d")]
    [InlineData("7 d")]
    [InlineData("7s")]
    [InlineData("7D")]
    [InlineData("99999999999d")]
    [InlineData("1000001d")]
    public void Anything_else_is_refused(string? text) => Assert.False(RetentionSpan.TryParse(text, out _));

    [Theory]
    // A day across the change is 23 or 25 hours long; hours are hours.
    [InlineData("2026-03-29T12:00+02:00", "1d", "2026-03-28T12:00+01:00")]
    [InlineData("2026-03-29T12:00+02:00", "24h", "2026-03-28T11:00+01:00")]
    [InlineData("2025-10-26T12:00+01:00", "1d", "2025-10-25T12:00+02:00")]
    // 02:30 was left out on 2026-03-29.
    [InlineData("2026-03-30T02:30+02:00", "1d", "2026-03-29T03:00+02:00")]
    // The second 02:30 of the day, less an hour, is the first.
    [InlineData("2025-10-26T02:30+01:00", "1h", "2025-10-26T02:30+02:00")]
    [InlineData("2024-02-29T00:00+01:00", "1y", "2023-02-28T00:00+01:00")]
    [InlineData("2026-03-31T00:00+02:00", "1m", "2026-02-28T00:00+01:00")]
    public void Days_and_months_are_those_of_the_calendar(string moment, string text, string expected)
    {
        Assert.True(RetentionSpan.TryParse(text, out var span));
        var before = span.Before(DateTimeOffset.Parse(moment, CultureInfo.InvariantCulture), TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin"));
        Assert.Equal(DateTimeOffset.Parse(expected, CultureInfo.InvariantCulture), before);
    }

    [Fact]
    public void What_is_longer_than_the_calendar_is_all_time()
    {
        Assert.True(RetentionSpan.TryParse("1000000y", out var span));
        Assert.Equal(DateTimeOffset.MinValue, span.Before(DateTimeOffset.UnixEpoch, TimeZoneInfo.Utc));
    }
}
