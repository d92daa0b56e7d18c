using NodeAgent.Cli.Cluster;

namespace NodeAgent.Cli.Tests.Cluster;

public sealed class LogLineTests
{
    [Theory]
    [InlineData("time=\"2026-01-02T03:04:05Z\" level=info msg=\"a b\" backup=velero/x", """{"time":"2026-01-02T03:04:05Z","level":"info","msg":"a b","backup":"velero/x"}""")]
    [InlineData("msg=\"a \\\"quoted\\\" word and a \\\\\" x=", """{"msg":"a \"quoted\" word and a \\","x":""}""")]
    [InlineData("no fields at all", """{"msg":"no fields at all"}""")]
    [InlineData("msg=\"never ends", """{"msg":"msg=\"never ends"}""")]
    [InlineData("", "{}")]
    public void A_line_becomes_its_fields(string line, string json) =>
        Assert.True(System.Text.Json.Nodes.JsonNode.DeepEquals(System.Text.Json.Nodes.JsonNode.Parse(json), LogLine.ToJson(line)), LogLine.ToJson(line).ToJsonString());
}
