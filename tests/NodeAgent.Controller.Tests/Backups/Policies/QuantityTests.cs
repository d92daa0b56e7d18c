using NodeAgent.Controller.Backups.Policies;

namespace NodeAgent.Controller.Tests.Backups.Policies;

public sealed class QuantityTests
{
    [Theory]
    [InlineData("0", "0")]
    [InlineData("10Gi", "10737418240")]
    [InlineData("1.5Ki", "1536")]
    [InlineData("100M", "100000000")]
    [InlineData("7k", "7000")]
    [InlineData("500m", "0.5")]
    [InlineData("1e3", "1000")]
    [InlineData("25E-1", "2.5")]
    [InlineData("2E", "2000000000000000000")]
    [InlineData("8Ei", "9223372036854775808")]
    public void An_amount_is_read_with_its_suffix(string text, string amount)
    {
        Assert.True(Quantity.TryParse(text, out var read));
        Assert.Equal(decimal.Parse(amount, System.Globalization.CultureInfo.InvariantCulture), read);
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("Gi")]
    [InlineData("10gb")]
    [InlineData("10 Gi")]
    [InlineData("1..5")]
    [InlineData("1e99")]
    [InlineData("79228162514264337593543950335Ei")]
    public void What_is_no_amount_is_refused(string? text) => Assert.False(Quantity.TryParse(text, out _));
}
