using System.Net;
using System.Text.Json.Nodes;

namespace NodeAgent.DevCluster.Tests.Writes;

/// <summary>What a server allocates to services, as a real one does it.</summary>
public sealed class NodePortsTests
{
    private const string Path = "api/v1/namespaces/default/services";

    [Fact]
    public async Task A_port_of_the_nodes_is_allocated_once_and_belongs_to_no_client()
    {
        await using var cluster = await TestCluster.StartAsync();
        var one = await cluster.CreateAsync(Path, Service("one", """{"port":80}"""));
        var two = await cluster.CreateAsync(Path, Service("two", """{"port":80}"""));
        var (first, second) = (PortOf(one), PortOf(two));
        Assert.InRange(first!.Value, 30000, 32767);
        Assert.NotEqual(first, second);
        // A restore tells by the owners which ports somebody asked for.
        Assert.DoesNotContain("nodePort", one["metadata"]!["managedFields"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.DoesNotContain("clusterIP", one["metadata"]!["managedFields"]!.ToJsonString(), StringComparison.Ordinal);
        var asked = await cluster.CreateAsync(Path, Service("asked", """{"port":80,"nodePort":32000}"""));
        Assert.Contains("f:nodePort", asked["metadata"]!["managedFields"]!.ToJsonString(), StringComparison.Ordinal);

        var (code, refusal) = await cluster.SendAsync(HttpMethod.Post, Path, Service("late", """{"port":80,"nodePort":32000}"""));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, code);
        Assert.Contains("spec.ports[0].nodePort: Invalid value: 32000: provided port is already allocated", (string)refusal["message"]!, StringComparison.Ordinal);
        (code, refusal) = await cluster.SendAsync(HttpMethod.Post, Path, Service("low", """{"port":80,"nodePort":80}"""));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, code);
        Assert.Contains("The range of valid ports is 30000-32767", (string)refusal["message"]!, StringComparison.Ordinal);
        (code, _) = await cluster.SendAsync(HttpMethod.Post, Path, Service("inside", """{"port":80,"nodePort":32001}""", "ClusterIP"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, code);
    }

    [Fact]
    public async Task An_update_that_leaves_the_port_out_keeps_it_and_a_change_of_type_gives_it_back()
    {
        await using var cluster = await TestCluster.StartAsync();
        var port = PortOf(await cluster.CreateAsync(Path, Service("one", """{"port":80}""")));
        var (code, updated) = await cluster.SendAsync(HttpMethod.Put, $"{Path}/one", Service("one", """{"port":80}"""));
        Assert.True(code == HttpStatusCode.OK, updated.ToJsonString());
        Assert.Equal(port, PortOf(updated));
        (_, updated) = await cluster.PatchAsync($"{Path}/one", """{"spec":{"type":"ClusterIP"}}""");
        Assert.Null(PortOf(updated));
        Assert.Equal(port, PortOf(await cluster.CreateAsync(Path, Service("two", $$"""{"port":80,"nodePort":{{port}}}"""))));
    }

    private static int? PortOf(JsonObject service) => (int?)service["spec"]!["ports"]![0]!["nodePort"];

    private static string Service(string name, string port, string type = "NodePort") => $$"""{"apiVersion":"v1","kind":"Service","metadata":{"name":"{{name}}"},"spec":{"type":"{{type}}","selector":{"a":"b"},"ports":[{{port}}]} }""";
}
