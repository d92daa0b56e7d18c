using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;

namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>What <c>kubectl apply -k daemonset/</c> makes.</summary>
/// <param name="fixture">The node.</param>
[Collection(RealNodeCollection.Name)]
public sealed class InstallationTests(RealNodeFixture fixture) : RealNodeTest(fixture)
{
    [Fact]
    public async Task Kubectl_apply_brings_agent_and_controller_to_Ready()
    {
        var pods = Node.PodsAtFirst;
        Assert.Equal(2, pods.Count(p => (string?)p["metadata"]!["labels"]!["deploy"] == "velero"));
        Assert.Contains(pods, p => (string?)p["metadata"]!["labels"]!["name"] == "node-agent");
        Assert.All(pods, p =>
        {
            var container = p["status"]!["containerStatuses"]!.AsArray().Single()!;
            Assert.True((bool)container["ready"]!, p["metadata"]!["name"]!.ToString());
            Assert.Equal(0, (int)container["restartCount"]!);
        });
        Assert.Contains("Available", await Node.RunAsync("backup-location", "get"), StringComparison.Ordinal);
        // The server's version comes from the controller, by way of a ServerStatusRequest.
        Assert.Contains("Server:", await Node.RunAsync("version"), StringComparison.Ordinal);
    }
}
