using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Kubernetes.Tests.Api;

public sealed class ServerStartTests
{
    private static readonly ResourceKind Pods = KubernetesResources.Pods;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("[+]ping ok\n[-]poststarthook/rbac/bootstrap-roles failed: reason withheld\n", true)]
    [InlineData("[-]etcd failed: reason withheld\n[-]informer-sync failed: reason withheld\n", true)]
    [InlineData("<html>no healthy upstream</html>", true)]
    [InlineData("", true)]
    [InlineData("[+]ping ok\n[-]etcd failed: reason withheld\n[+]informer-sync ok\n[+]poststarthook/rbac/bootstrap-roles ok\n", false)]
    [InlineData("[-]kms-providers failed: reason withheld\nreadyz check failed\n", false)]
    public async Task A_refusal_counts_where_the_check_that_fails_is_none_of_the_servers_start(string checks, bool isStart)
    {
        await using var server = await TestServer.StartAsync(TestServer.Status(403, "Forbidden", "pods is forbidden: User \\\"me\\\" cannot get it"));
        (server.NotReady, server.NotReadyBody) = (1000, checks);
        using var client = server.Connect();
        var refused = await Assert.ThrowsAsync<ApiException>(() => client.GetAsync(Pods, "shop", "web", Cancellation));
        Assert.Equal((isStart, isStart), (refused.IsServerStarting, refused.IsTransient));
        Assert.Contains(": 403 Forbidden: pods is forbidden: User \"me\" cannot get it", refused.Message, StringComparison.Ordinal);
        if (!isStart) Assert.Equal(2, server.Requests.Count);
    }

    [Fact]
    public async Task A_refusal_counts_when_the_start_takes_longer_than_any_does()
    {
        var time = new ManualTimeProvider();
        await using var server = await TestServer.StartAsync(TestServer.Status(403, "Forbidden", "no"));
        server.NotReady = 1000;
        using var client = server.Connect(new ApiClientOptions { Time = time, MaxRetries = 0 });
        var transient = new List<bool>();
        for (var minute = 0; minute < 4; minute++)
        {
            transient.Add((await Assert.ThrowsAsync<ApiException>(() => client.GetAsync(Pods, "shop", "web", Cancellation))).IsTransient);
            time.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.Equal([true, true, false, false], transient);
        // A server that was ready since, or was not asked for long, may have been started again.
        server.NotReady = 0;
        Assert.False((await Assert.ThrowsAsync<ApiException>(() => client.GetAsync(Pods, "shop", "web", Cancellation))).IsTransient);
        server.NotReady = 1000;
        Assert.True((await Assert.ThrowsAsync<ApiException>(() => client.GetAsync(Pods, "shop", "web", Cancellation))).IsTransient);
        time.Advance(TimeSpan.FromHours(1));
        Assert.True((await Assert.ThrowsAsync<ApiException>(() => client.GetAsync(Pods, "shop", "web", Cancellation))).IsTransient);
    }

    [Fact]
    public async Task A_server_that_went_away_since_may_start_again()
    {
        var time = new ManualTimeProvider();
        var isDown = false;
        await using var server = await TestServer.StartAsync(context => isDown ? TestServer.Drop(context) : TestServer.Status(403, "Forbidden", "no")(context));
        server.NotReady = 1000;
        using var client = server.Connect(new ApiClientOptions { Time = time, MaxRetries = 0 });
        Task<ApiException> RefusedAsync() => Assert.ThrowsAsync<ApiException>(() => client.GetAsync(Pods, "shop", "web", Cancellation));
        Assert.True((await RefusedAsync()).IsServerStarting);
        time.Advance(TimeSpan.FromMinutes(3));
        Assert.False((await RefusedAsync()).IsServerStarting);
        isDown = true;
        await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(Pods, "shop", "web", Cancellation));
        isDown = false;
        Assert.True((await RefusedAsync()).IsServerStarting);
    }

    [Theory]
    [InlineData("[-]poststarthook/crd-informer-synced failed: reason withheld\n", true)]
    [InlineData("[-]poststarthook/rbac/bootstrap-roles failed: reason withheld\n", false)]
    public async Task What_a_server_without_definitions_does_not_find_is_not_missing_however_long_its_start_takes(string checks, bool isStart)
    {
        var time = new ManualTimeProvider();
        await using var server = await TestServer.StartAsync(TestServer.Text("404 page not found\n", 404));
        (server.NotReady, server.NotReadyBody) = (1000, checks);
        using var client = server.Connect(new ApiClientOptions { Time = time, MaxRetries = 0 });
        Task<ApiException> AskedAsync() => Assert.ThrowsAsync<ApiException>(() => client.GetAsync(Pods, "shop", "web", Cancellation));
        Assert.False((await AskedAsync()).IsNotFound);
        time.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal((!isStart, isStart), (await AskedAsync() is { IsNotFound: true }, (await AskedAsync()).IsTransient));
    }

    [Fact]
    public async Task Discovery_does_not_take_a_starting_servers_word_for_what_a_group_has()
    {
        await using var server = await TestServer.StartAsync(context => context.Request.Path.Value switch
        {
            "/api" => TestServer.Json("""{"kind":"APIVersions","versions":["v1"]}""")(context),
            "/api/v1" => TestServer.Json("""{"kind":"APIResourceList","groupVersion":"v1","resources":[]}""")(context),
            "/apis" => TestServer.Json("""{"kind":"APIGroupList","groups":[{"name":"velero.io","versions":[{"groupVersion":"velero.io/v1","version":"v1"}],"preferredVersion":{"groupVersion":"velero.io/v1","version":"v1"}}]}""")(context),
            _ => TestServer.Text("404 page not found\n", 404)(context),
        });
        (server.NotReady, server.NotReadyBody) = (1000, "[-]poststarthook/crd-informer-synced failed: reason withheld\n");
        using var client = server.Connect();
        Assert.True((await Assert.ThrowsAsync<ApiException>(() => client.Discovery.RefreshAsync(Cancellation))).IsTransient);
        server.NotReady = 0;
        Assert.Single((await client.Discovery.RefreshAsync(Cancellation)).UnavailableGroups);
    }
}
