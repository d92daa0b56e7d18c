using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Controller.Tests.Work;

public sealed class AgentDirectoryTests
{
    [Fact]
    public async Task A_heartbeat_counts_while_it_is_seen_to_move_whatever_time_it_names()
    {
        var cancellation = TestContext.Current.CancellationToken;
        await using var api = await TestApiServer.StartAsync();
        api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"velero"}}""");
        api.Add(KubernetesResources.Leases, """{"metadata":{"name":"nodeagent-n1","namespace":"velero"},"spec":{"holderIdentity":"n1","renewTime":"1999-01-01T00:00:00Z"}}""");
        using var client = new ApiClient(api.Config);
        var time = new ManualTime();
        var options = new ControllerOptions();
        var agents = new AgentDirectory(new ClusterClient(client), options, time);
        Assert.True(await agents.IsServedAsync("n1", cancellation));
        time.Advance(options.HeartbeatTimeout + TimeSpan.FromSeconds(1));
        Assert.False(await agents.IsServedAsync("n1", cancellation));
        api.Patch(KubernetesResources.Leases, "velero", "nodeagent-n1", """{"spec":{"renewTime":"1999-01-01T00:00:10Z"}}""");
        Assert.True(await agents.IsServedAsync("n1", cancellation));
        api.Patch(KubernetesResources.Leases, "velero", "nodeagent-n1", """{"spec":{"holderIdentity":"","renewTime":"1999-01-01T00:00:20Z"}}""");
        Assert.False(await agents.IsServedAsync("n1", cancellation));
        Assert.False(await agents.IsServedAsync("n2", cancellation));
        Assert.False(await agents.IsServedAsync("", cancellation));
    }

    [Theory]
    [InlineData("""{"phase":"Pending"}""", false, true)]
    [InlineData("""{"phase":"Running","containerStatuses":[{"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}""", false, true)]
    [InlineData("""{"phase":"Running","containerStatuses":[{"state":{"running":{}}}]}""", true, true)]
    [InlineData("""{"phase":"Running","containerStatuses":[{"state":{"running":{}}}]}""", false, false)]
    [InlineData("""{"phase":"Failed","containerStatuses":[{"state":{"waiting":{}}}]}""", false, false)]
    public async Task An_agent_is_on_its_way_while_its_pod_is_not_up_yet_or_makes_room_for_the_next(string status, bool isDeleted, bool isComing)
    {
        await using var api = await TestApiServer.StartAsync();
        var deleted = isDeleted ? ""","deletionTimestamp":"2026-01-01T00:00:00Z" """ : "";
        api.Add(KubernetesResources.Pods, $$$"""{"metadata":{"name":"a","namespace":"velero","labels":{"name":"node-agent"}{{{deleted}}}},"spec":{"nodeName":"n1"},"status":{{{status}}} }""");
        using var client = new ApiClient(api.Config);
        var agents = new AgentDirectory(new ClusterClient(client), new ControllerOptions(), TimeProvider.System);
        Assert.Equal(isComing, await agents.IsComingAsync("n1", TestContext.Current.CancellationToken));
        Assert.False(await agents.IsComingAsync("n2", TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("role", "Running", true)]
    [InlineData("name", "Running", true)]
    [InlineData("name", "Pending", false)]
    public async Task A_running_agent_pod_on_the_node_counts(string label, string phase, bool served)
    {
        await using var api = await TestApiServer.StartAsync();
        api.Add(KubernetesResources.Pods, $$$"""{"metadata":{"name":"a","namespace":"velero","labels":{"{{{label}}}":"node-agent"}},"spec":{"nodeName":"n1"},"status":{"phase":"{{{phase}}}"} }""");
        using var client = new ApiClient(api.Config);
        var agents = new AgentDirectory(new ClusterClient(client), new ControllerOptions(), TimeProvider.System);
        Assert.Equal(served, await agents.IsServedAsync("n1", TestContext.Current.CancellationToken));
    }
}
