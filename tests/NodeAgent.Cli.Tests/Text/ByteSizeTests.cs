using NodeAgent.Cli.Text;

namespace NodeAgent.Cli.Tests.Text;

public sealed class ByteSizeTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("1000", 1000)]
    [InlineData("12B", 12)]
    [InlineData("500M", 500L << 20)]
    [InlineData("1.5 GiB", 3L << 29)]
    [InlineData("2tb", 2L << 40)]
    [InlineData("9223372036854775807", long.MaxValue)]
    public void Sizes_are_read_in_binary_units(string text, long expected)
    {
        Assert.True(ByteSize.TryParse(text, out var bytes));
        Assert.Equal(expected, bytes);
    }

    [Theory]
    [InlineData("")]
    [InlineData("B")]
    [InlineData("K")]
    [InlineData("5X")]
    [InlineData("5iB")]
    [InlineData("5KBB")]
    [InlineData("-1")]
    [InlineData("1,5G")]
    [InlineData("9223372036854775808")]
    [InlineData("9999999999T")]
    public void What_is_no_size_or_too_large_is_none(string text) => Assert.False(ByteSize.TryParse(text, out _));
}
