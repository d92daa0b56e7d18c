using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Tests.Terminal;

public sealed class WarningSeriesTests
{
    [Theory]
    [InlineData(0, 0, null)]
    [InlineData(1, 1, null)]
    [InlineData(10, 10, null)]
    [InlineData(11, 9, "and 2 more")]
    [InlineData(2009, 9, "and 2,000 more")]
    public void Beyond_the_first_ten_they_are_counted(int count, int named, string? rest)
    {
        var lines = Printed(series => series.AddAll([.. Enumerable.Range(0, count).Select(i => $"data/{i}: it is damaged")]));
        Assert.Equal(named, lines.Count(line => line.StartsWith("warning: data/", StringComparison.Ordinal)));
        Assert.Equal(rest is null ? [] : [$"warning: {rest} (list all)"], lines[named..]);
        if (count > 0) Assert.Equal("warning: data/0: it is damaged (mend it)", lines[0]);
        Assert.Equal(Math.Min(count, 1), lines.Count(line => line.Contains("mend it", StringComparison.Ordinal)));
    }

    [Fact]
    public void Of_those_that_come_one_by_one_it_is_said_that_there_are_more()
    {
        var lines = Printed(series =>
        {
            for (var i = 0; i < 500; i++) series.Add($"data/{i}: it is\ndamaged");
        });
        Assert.Equal(11, lines.Length);
        Assert.Equal(["warning: data/0: it is; damaged (mend it)", "warning: data/1: it is; damaged"], lines[..2]);
        Assert.Equal("warning: and more (list all)", lines[10]);
    }

    private static string[] Printed(Action<WarningSeries> act)
    {
        using var output = new StringWriter { NewLine = "\n" };
        act(new WarningSeries("mend it", "list all", output));
        return output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
