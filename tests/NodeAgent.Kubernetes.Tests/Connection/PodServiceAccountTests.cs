using NodeAgent.Kubernetes.Connection;

namespace NodeAgent.Kubernetes.Tests.Connection;

public sealed class PodServiceAccountTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly TestCertificates _certificates = new();

    public void Dispose()
    {
        _certificates.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_pod_reaches_the_server_with_its_mounted_token_and_authority()
    {
        await using var server = await TestServer.StartAsync(TestServer.Json("""{"gitVersion":"v1"}"""), _certificates.Server("127.0.0.1"));
        Mount();
        var config = ClusterConfig.Load(null, null, Environment("127.0.0.1", $"{server.Address.Port}"));
        Assert.Equal("shop", config.Namespace);
        using var client = new NodeAgent.Kubernetes.Api.ApiClient(config);
        Assert.Equal("v1", (await client.GetServerVersionAsync(TestContext.Current.CancellationToken)).GitVersion);
        Assert.Equal("Bearer pod-token", Assert.Single(server.Requests).Header("Authorization"));
    }

    [Fact]
    public void An_address_of_version_6_is_put_in_brackets()
    {
        Mount();
        Assert.Equal("https://[fd00::1]:6443/", ClusterConfig.Load(null, null, Environment("fd00::1", "6443")).Server.AbsoluteUri);
    }

    [Theory]
    [InlineData("10.0.0.1", "many", "KUBERNETES_SERVICE_PORT: \"many\" is no port number")]
    [InlineData("10.0.0.1", "0", "KUBERNETES_SERVICE_PORT: \"0\" is no port number")]
    [InlineData("a/b", "443", "KUBERNETES_SERVICE_HOST: \"a/b\" is neither a name nor an address")]
    public void A_malformed_address_is_named(string host, string port, string problem)
    {
        Mount();
        var error = Assert.Throws<ClusterConfigException>(() => ClusterConfig.Load(null, null, Environment(host, port)));
        Assert.Equal(problem, error.Message);
    }

    [Fact]
    public void A_pod_without_a_service_account_is_told_how_to_get_one()
    {
        var error = Assert.Throws<ClusterConfigException>(() => ClusterConfig.Load(null, null, Environment("10.0.0.1", "443")));
        Assert.Contains("automountServiceAccountToken", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_authority_is_named()
    {
        _directory.Write("token", "pod-token");
        var error = Assert.Throws<ClusterConfigException>(() => ClusterConfig.Load(null, null, Environment("10.0.0.1", "443")));
        Assert.Contains("ca.crt cannot be read", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_way_to_the_server_leads_through_no_proxy_of_the_environment()
    {
        Mount();
        using var handler = (DelegatingHandler)PodServiceAccount.Open(Environment("10.96.0.1", "443")).CreateHandler(TimeProvider.System);
        Assert.False(Assert.IsType<SocketsHttpHandler>(handler.InnerHandler).UseProxy);
        using var other = (DelegatingHandler)ClusterConfig.ForServer(new Uri("http://127.0.0.1:1")).CreateHandler(TimeProvider.System);
        Assert.True(Assert.IsType<SocketsHttpHandler>(other.InnerHandler).UseProxy);
    }

    private void Mount()
    {
        _directory.Write("token", "pod-token");
        _directory.Write("namespace", "shop");
        _directory.Write("ca.crt", _certificates.AuthorityPem);
    }

    private ClusterEnvironment Environment(string host, string port) => new()
    {
        Variable = name => name switch { "KUBERNETES_SERVICE_HOST" => host, "KUBERNETES_SERVICE_PORT" => port, "HOME" => _directory.Path, _ => null },
        ServiceAccountDirectory = _directory.Path,
    };
}
