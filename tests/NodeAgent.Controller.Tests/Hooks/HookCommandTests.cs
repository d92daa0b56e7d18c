using System.Net;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Hooks;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Controller.Tests.Hooks;

public sealed class HookCommandTests
{
    [Fact]
    public async Task A_command_that_the_server_never_lets_begin_ends_with_its_time_and_what_the_server_said()
    {
        var asked = 0;
        await using var server = await TestApiServer.StartAsync();
        server.Interfere = request => request.Path.Value!.EndsWith("/exec", StringComparison.Ordinal) && Interlocked.Increment(ref asked) > 0
            ? (HttpStatusCode.ServiceUnavailable, "ServiceUnavailable")
            : null;
        using var client = new ApiClient(server.Config, new ApiClientOptions { RetryDelay = TimeSpan.FromMilliseconds(10), MaxRetries = 0 });
        var hook = new PodHook { Name = "h", Container = "db", Command = ["freeze"], Timeout = TimeSpan.FromSeconds(1), FailsPod = true };
        var problem = await HookCommand.RunAsync(new ClusterClient(client), "shop", "db", hook, TestContext.Current.CancellationToken);
        Assert.StartsWith("it could not be started within 1 s: GET api/v1/namespaces/shop/pods/db/exec: 503 ServiceUnavailable", problem, StringComparison.Ordinal);
        Assert.True(asked > 1, "it was asked once only");
    }
}
