using NodeAgent.Cli.Text;

namespace NodeAgent.Cli.Tests.Text;

public sealed class PeopleTextTests
{
    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1024, "1.0 KiB")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData((1L << 20) - 1, "1.0 MiB")]
    [InlineData(5L << 40, "5.0 TiB")]
    public void Sizes_are_in_binary_units(long bytes, string text) => Assert.Equal(text, ByteSize.Format(bytes));

    [Theory]
    [InlineData(0.84, "0.8 s")]
    [InlineData(12.3, "12 s")]
    [InlineData(187, "3:07")]
    [InlineData(7509, "2:05:09")]
    public void Times_are_short(double seconds, string text) => Assert.Equal(text, ElapsedTime.Format(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void A_table_aligns_its_columns_and_leaves_no_blanks_at_the_end()
    {
        var table = new TextTable("NAME", "SIZE", "NOTE").AlignRight(1);
        table.Add("a", "5", "");
        table.Add("日本", "1234", "x");
        var writer = new StringWriter { NewLine = "\n" };
        table.WriteTo(writer);
        Assert.Equal("NAME   SIZE   NOTE\na         5\n日本   1234   x\n", writer.ToString());
    }
}
