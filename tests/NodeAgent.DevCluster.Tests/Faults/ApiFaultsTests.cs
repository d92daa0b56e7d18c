using System.Net;

namespace NodeAgent.DevCluster.Tests.Faults;

public sealed class ApiFaultsTests
{
    private const string ConfigMaps = "/api/v1/namespaces/default/configmaps";

    [Theory]
    [InlineData(429, "TooManyRequests")]
    [InlineData(500, "InternalError")]
    [InlineData(410, "Expired")]
    public async Task The_next_matching_requests_fail_and_then_no_more(int code, string reason)
    {
        await using var cluster = await TestCluster.StartAsync();
        cluster.Cluster.Faults.FailNext(2, code, r => r.Verb == "list" && r.Resource == "configmaps");
        await cluster.GetAsync("/api/v1/namespaces/default/secrets");
        for (var i = 0; i < 2; i++)
        {
            var (answered, status) = await cluster.SendAsync(HttpMethod.Get, ConfigMaps);
            Assert.Equal((HttpStatusCode)code, answered);
            Assert.Equal(reason, (string?)status["reason"]);
        }
        await cluster.GetAsync(ConfigMaps);
    }

    [Fact]
    public async Task Dropped_watches_break_off_and_new_ones_work()
    {
        await using var cluster = await TestCluster.StartAsync();
        using (var watch = await cluster.WatchAsync("/api/v1/secrets?watch=true"))
        {
            cluster.Cluster.Faults.DropWatches();
            await Assert.ThrowsAnyAsync<Exception>(async () =>
            {
                if (await watch.NextAsync() is null)
                    throw new IOException("ended");
            });
        }
        using var again = await cluster.WatchAsync("/api/v1/secrets?watch=true");
        await cluster.CreateAsync("/api/v1/namespaces/default/secrets", """{"metadata":{"name":"s"}}""");
        Assert.Equal(("ADDED", "s"), await again.NameAsync());
    }

    [Fact]
    public async Task Refused_connections_give_no_answer_until_cleared()
    {
        await using var cluster = await TestCluster.StartAsync();
        cluster.Cluster.Faults.RefuseConnections = true;
        await Assert.ThrowsAsync<HttpRequestException>(() => cluster.GetAsync(ConfigMaps));
        cluster.Cluster.Faults.Clear();
        await cluster.GetAsync(ConfigMaps);
    }
}
