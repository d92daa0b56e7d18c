using System.Text.Json.Nodes;
using NodeAgent.Kubernetes.Yaml;

namespace NodeAgent.Kubernetes.Tests.Yaml;

public sealed class YamlJsonTests
{
    [Theory]
    [InlineData("a: 1\nb: [x, 'y']\nc: {d: true}", """{"a":1,"b":["x","y"],"c":{"d":true}}""")]
    [InlineData("{\n\t\"a\": \"b\"\n}", """{"a":"b"}""")]
    [InlineData("{a: b, c: 0644}", """{"a":"b","c":420}""")]
    [InlineData("a: yes\nb: \"yes\"\nc: ~\nd: 1.5\ne: 1.2.3", """{"a":true,"b":"yes","c":null,"d":1.5,"e":"1.2.3"}""")]
    [InlineData("a: |\n  one\n  two\n", """{"a":"one\ntwo\n"}""")]
    [InlineData("base: &b {x: 1}\nother: *b", """{"base":{"x":1},"other":{"x":1}}""")]
    [InlineData("---\na: b\n", """{"a":"b"}""")]
    public void A_document_is_what_Kubernetes_reads_it_as(string text, string json) =>
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(json), YamlJson.Parse(text)), YamlJson.Parse(text)?.ToJsonString());

    [Theory]
    [InlineData("")]
    [InlineData("# nothing but a comment\n")]
    public void A_text_without_a_document_is_null(string text) => Assert.Null(YamlJson.Parse(text));

    [Theory]
    [InlineData("a: 1\na: 2", "line 2")]
    [InlineData("""{"a":1,"a":2}""", "line 1")]
    [InlineData("a: [1", "line")]
    [InlineData("a: b\n c: d", "line 2")]
    [InlineData("a: 1\n---\nb: 2", "only one is read")]
    [InlineData("[a, b]: c", "plain word")]
    [InlineData("a: *missing", "line 1")]
    public void What_is_not_one_document_is_refused_with_its_line(string text, string message)
    {
        var error = Assert.Throws<FormatException>(() => YamlJson.Parse(text));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("a: 1\n---\n# nothing\n---\nb: yes\n", """[{"a":1},{"b":true}]""")]
    [InlineData("""{"a":1}""", """[{"a":1}]""")]
    [InlineData("", "[]")]
    public void Of_many_documents_the_empty_ones_are_left_out(string text, string json) =>
        Assert.Equal(json, new JsonArray([.. YamlJson.ParseAll(text)]).ToJsonString());

    [Fact]
    public void A_mistake_in_a_later_document_is_named_by_its_line() =>
        Assert.StartsWith("line 4:", Assert.Throws<FormatException>(() => YamlJson.ParseAll("a: 1\n---\nb: 1\nb: 2\n")).Message, StringComparison.Ordinal);

    [Fact]
    public void Aliases_of_aliases_do_not_grow_without_bound()
    {
        var lines = new List<string> { "a0: &a0 [x, x, x, x, x, x, x, x, x, x]" };
        for (var i = 1; i < 12; i++) lines.Add($"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10))}]");
        Assert.Contains("values", Assert.Throws<FormatException>(() => YamlJson.Parse(string.Join('\n', lines))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Depth_is_bounded() =>
        Assert.Contains("deeper", Assert.Throws<FormatException>(() => YamlJson.Parse(new string('[', 300) + "x" + new string(']', 300))).Message, StringComparison.Ordinal);
}
