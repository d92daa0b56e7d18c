using NodeAgent.Cli.CommandLine;

namespace NodeAgent.Cli.Tests.CommandLine;

public sealed class GoDurationTests
{
    [Theory]
    [InlineData("720h", "720h0m0s")]
    [InlineData("72h30m", "72h30m0s")]
    [InlineData("1m30s", "1m30s")]
    [InlineData("90s", "1m30s")]
    [InlineData("1.5s", "1.5s")]
    [InlineData("500ms", "500ms")]
    [InlineData("0", "0s")]
    [InlineData("0s", "0s")]
    [InlineData("-5m", "-5m0s")]
    public void A_duration_is_written_as_Go_writes_it(string text, string canonical)
    {
        Assert.True(GoDuration.TryParse(text, out var duration));
        Assert.Equal(canonical, GoDuration.Format(duration));
    }

    [Theory]
    [InlineData("")]
    [InlineData("soon")]
    [InlineData("10")]
    [InlineData("5x")]
    [InlineData("h")]
    [InlineData("1h-5m")]
    [InlineData("99999999999999h")]
    public void What_is_no_duration_is_refused(string text) => Assert.False(GoDuration.TryParse(text, out _));
}
