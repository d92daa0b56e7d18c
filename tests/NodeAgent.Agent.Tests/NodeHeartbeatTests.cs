using NodeAgent.Agent.Tests.Harness;
using NodeAgent.Kubernetes;

namespace NodeAgent.Agent.Tests;

public sealed class NodeHeartbeatTests
{
    [Fact]
    public async Task The_lease_of_the_node_has_a_holder_while_the_agent_runs_and_none_after_it()
    {
        await using var fixture = await AgentFixture.StartAsync();

        var held = await fixture.WaitAsync(KubernetesResources.Leases, AgentFixture.System, "nodeagent-node-1", l => l.Spec?["holderIdentity"]?.ToString() is { Length: > 0 });
        Assert.Equal("40", held.Spec!["leaseDurationSeconds"]!.ToString());
        await fixture.StopAgentAsync();

        var left = await fixture.Client.GetAsync(KubernetesResources.Leases, AgentFixture.System, "nodeagent-node-1", TestContext.Current.CancellationToken);
        Assert.Equal("", left.Spec!["holderIdentity"]!.ToString());
    }
}
