using NodeAgent.Cli.Text;

namespace NodeAgent.Cli.Tests.Text;

public sealed class AmountTests
{
    [Theory]
    [InlineData(0, "0 directories")]
    [InlineData(1, "1 directory")]
    [InlineData(2, "2 directories")]
    [InlineData(1_234_567, "1,234,567 directories")]
    public void One_is_not_many(long count, string text) => Assert.Equal(text, Amount.Of(count, "directory", "directories"));
}
