using System.Text.Json.Nodes;
using NodeAgent.Cli.Text;

namespace NodeAgent.Cli.Tests.Text;

public sealed class YamlTextTests
{
    [Fact]
    public void Keys_are_sorted_and_lists_stand_flush_with_their_key()
    {
        var node = JsonNode.Parse("""{"spec":{"b":[1,{"z":2,"x":[]},["p","q"]],"a":{}},"kind":"K"}""");
        Assert.Equal(
            """
            kind: K
            spec:
              a: {}
              b:
              - 1
              - x: []
                z: 2
              - - p
                - q

            """,
            YamlText.Format(node));
    }

    [Theory]
    [InlineData("plain words", "plain words")]
    [InlineData("", "\"\"")]
    [InlineData("true", "\"true\"")]
    [InlineData("No", "\"No\"")]
    [InlineData("null", "\"null\"")]
    [InlineData("12", "\"12\"")]
    [InlineData("1e3", "\"1e3\"")]
    [InlineData("0x1F", "\"0x1F\"")]
    [InlineData("12:30:45", "\"12:30:45\"")]
    [InlineData("2026-01-02T03:04:05Z", "\"2026-01-02T03:04:05Z\"")]
    [InlineData("*", "'*'")]
    [InlineData("@every 6h", "'@every 6h'")]
    [InlineData("a: b", "'a: b'")]
    [InlineData("a #b", "'a #b'")]
    [InlineData("- a", "'- a'")]
    [InlineData("-a", "-a")]
    [InlineData("it's", "it's")]
    [InlineData("'quoted'", "'''quoted'''")]
    [InlineData("72h30m0s", "72h30m0s")]
    [InlineData("a\tb\u0001", "\"a\\tb\\u0001\"")]
    [InlineData("0 2 * * *", "0 2 * * *")]
    public void Text_is_quoted_only_where_a_reader_would_take_it_for_something_else(string text, string yaml) =>
        Assert.Equal($"k: {yaml}\n", YamlText.Format(new JsonObject { ["k"] = text }));

    [Theory]
    [InlineData("a\nb\n", "|\n  a\n  b")]
    [InlineData("a\nb", "|-\n  a\n  b")]
    [InlineData("a\n\n", "|+\n  a\n")]
    [InlineData("a\n\n  b\n", "|\n  a\n\n    b")]
    [InlineData(" a\nb", "\" a\\nb\"")]
    [InlineData("a \nb", "\"a \\nb\"")]
    public void Text_of_several_lines_is_a_block_where_a_block_can_hold_it(string text, string yaml) =>
        Assert.Equal($"k: {yaml}\n", YamlText.Format(new JsonObject { ["k"] = text }));
}
