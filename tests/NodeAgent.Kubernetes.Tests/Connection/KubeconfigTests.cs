using System.Text;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;

namespace NodeAgent.Kubernetes.Tests.Connection;

public sealed class KubeconfigTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("token: abc", "Bearer abc")]
    [InlineData("token: 12345", "Bearer 12345")]
    [InlineData("tokenFile: secrets/token", "Bearer from-file")]
    [InlineData("{tokenFile: secrets/token, token: old}", "Bearer from-file")]
    [InlineData("{username: joe, password: 'p:w'}", "Basic am9lOnA6dw==")]
    [InlineData("{}", null)]
    public async Task Each_way_to_log_in_is_shown_to_the_server(string user, string? authorization)
    {
        _directory.Write("secrets/token", "from-file\n");
        await using var server = await TestServer.StartAsync(TestServer.Json("{}"));
        using var client = new ApiClient(ClusterConfig.FromKubeconfig(WriteConfig(server.Address, user), null));
        await client.GetServerVersionAsync(Cancellation);
        Assert.Equal(authorization, Assert.Single(server.Requests).Header("Authorization"));
    }

    [Fact]
    public async Task A_token_file_is_read_again_after_a_minute_and_when_its_token_was_refused()
    {
        var time = new ManualTimeProvider();
        var token = _directory.Write("secrets/token", "first");
        await using var server = await TestServer.StartAsync(context => context.Request.Headers.Authorization == "Bearer revoked"
            ? TestServer.Status(401, "Unauthorized", "no")(context)
            : TestServer.Json("{}")(context));
        using var client = new ApiClient(ClusterConfig.FromKubeconfig(WriteConfig(server.Address, "tokenFile: secrets/token"), null), new ApiClientOptions { Time = time });
        await client.GetServerVersionAsync(Cancellation);
        await File.WriteAllTextAsync(token, "revoked", Cancellation);
        await client.GetServerVersionAsync(Cancellation);
        time.Advance(TimeSpan.FromMinutes(1));
        await Assert.ThrowsAsync<ApiException>(() => client.GetServerVersionAsync(Cancellation));
        await File.WriteAllTextAsync(token, "second", Cancellation);
        await client.GetServerVersionAsync(Cancellation);
        Assert.Equal(
            ["Bearer first", "Bearer first", "Bearer revoked", "Bearer revoked", "Bearer second"],
            server.Requests.Select(r => r.Header("Authorization")));
    }

    [Fact]
    public async Task Acting_as_somebody_else_is_passed_on()
    {
        await using var server = await TestServer.StartAsync(TestServer.Json("{}"));
        var path = WriteConfig(server.Address, "{token: abc, as: jane, as-groups: [dev], as-user-extra: {why: [test]}}");
        using var client = new ApiClient(ClusterConfig.FromKubeconfig(path, null));
        await client.GetServerVersionAsync(Cancellation);
        var request = Assert.Single(server.Requests);
        Assert.Equal(("jane", "dev", "test"), (request.Header("Impersonate-User"), request.Header("Impersonate-Group"), request.Header("Impersonate-Extra-why")));
    }

    [Fact]
    public async Task The_servers_certificate_is_held_against_the_authority_of_the_kubeconfig()
    {
        using var certificates = new TestCertificates();
        using var other = new TestCertificates();
        await using var server = await TestServer.StartAsync(TestServer.Json("{}"), certificates.Server("127.0.0.1"));
        await ConnectAsync(server, $"certificate-authority-data: {Base64(certificates.AuthorityPem)}");
        _directory.Write("ca.crt", certificates.AuthorityPem);
        await ConnectAsync(server, "certificate-authority: ca.crt");
        await ConnectAsync(server, "insecure-skip-tls-verify: true");
        await Assert.ThrowsAsync<HttpRequestException>(() => ConnectAsync(server, $"certificate-authority-data: {Base64(other.AuthorityPem)}"));
        await Assert.ThrowsAsync<HttpRequestException>(() => ConnectAsync(server, "{}"));
        Assert.Equal(3, server.Requests.Count);
    }

    [Fact]
    public async Task The_servers_certificate_is_held_against_the_name_that_the_kubeconfig_asks_for()
    {
        using var certificates = new TestCertificates();
        await using var server = await TestServer.StartAsync(TestServer.Json("{}"), certificates.Server("kube.internal"));
        var authority = $"certificate-authority-data: {Base64(certificates.AuthorityPem)}";
        await Assert.ThrowsAsync<HttpRequestException>(() => ConnectAsync(server, authority));
        await ConnectAsync(server, authority + "\n    tls-server-name: kube.internal");
        await Assert.ThrowsAsync<HttpRequestException>(() => ConnectAsync(server, authority + "\n    tls-server-name: other.internal"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_client_certificate_is_shown(bool inline)
    {
        using var certificates = new TestCertificates();
        var (certificate, key) = certificates.Client("jane");
        await using var server = await TestServer.StartAsync(
            context => TestServer.Json($$"""{"gitVersion":"{{context.Connection.ClientCertificate?.Subject}}"}""")(context), certificates.Server("127.0.0.1"));
        _directory.Write("jane.crt", certificate);
        _directory.Write("jane.key", key);
        var user = inline
            ? $"client-certificate-data: {Base64(certificate)}\n    client-key-data: {Base64(key)}"
            : "client-certificate: jane.crt\n    client-key: jane.key";
        var path = WriteConfig(server.Address, user, $"certificate-authority-data: {Base64(certificates.AuthorityPem)}");
        using var client = new ApiClient(ClusterConfig.FromKubeconfig(path, null));
        Assert.Equal("CN=jane", (await client.GetServerVersionAsync(Cancellation)).GitVersion);
    }

    [Fact]
    public void A_context_chooses_server_user_and_namespace()
    {
        var path = _directory.Write("config", """
            current-context: one
            contexts:
            - {name: one, context: {cluster: a, user: u}}
            - {name: two, context: {cluster: b, user: u, namespace: shop}}
            clusters:
            - {name: a, cluster: {server: "https://a.example:6443"}}
            - {name: b, cluster: {server: "https://b.example/k8s/clusters/c-1"}}
            users:
            - {name: u, user: {token: abc}}
            """);
        var one = ClusterConfig.FromKubeconfig(path, null);
        Assert.Equal(("https://a.example:6443/", null), (one.Server.AbsoluteUri, one.Namespace));
        var two = ClusterConfig.FromKubeconfig(path, "two");
        Assert.Equal(("https://b.example/k8s/clusters/c-1/", "shop"), (two.Server.AbsoluteUri, two.Namespace));
        Assert.Equal($"context two of {path}", two.Source);
    }

    [Fact]
    public void Several_files_count_as_one_and_the_first_wins()
    {
        var first = _directory.Write("first/config", """
            contexts: [{name: c, context: {cluster: a, user: u}}]
            clusters: [{name: a, cluster: {server: "https://first.example"}}]
            """);
        var second = _directory.Write("second/config", """
            current-context: c
            contexts: [{name: c, context: {cluster: other, user: other}}]
            clusters: [{name: a, cluster: {server: "https://second.example"}}]
            users: [{name: u, user: {tokenFile: token}}]
            """);
        _directory.Write("second/token", "abc");
        var environment = Environment($"{first}:{_directory.Path}/missing:{second}");
        var config = ClusterConfig.Load(null, null, environment);
        Assert.Equal("https://first.example/", config.Server.AbsoluteUri);
        Assert.IsType<TokenFileCredential>(config.Credential);
    }

    [Fact]
    public void The_file_given_comes_before_the_variable_and_that_before_the_home_directory()
    {
        static string Config(string server) => $$$"""{current-context: c, contexts: [{name: c, context: {cluster: a}}], clusters: [{name: a, cluster: {server: "https://{{{server}}}"}}]}""";
        var given = _directory.Write("given", Config("given"));
        var listed = _directory.Write("listed", Config("listed"));
        var environment = Environment(listed);
        Assert.Equal("given", ClusterConfig.Load(given, null, environment).Server.Host);
        Assert.Equal("listed", ClusterConfig.Load(null, null, environment).Server.Host);
        _directory.Write(".kube/config", Config("home"));
        Assert.Equal("home", ClusterConfig.Load("", "", Environment("")).Server.Host);
    }

    [Fact]
    public void Without_any_of_them_the_error_says_what_to_do()
    {
        var error = Assert.Throws<ClusterConfigException>(() => ClusterConfig.Load(null, null, Environment("")));
        Assert.Contains("give --kubeconfig, set KUBECONFIG", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<ClusterConfigException>(() => ClusterConfig.Load(null, null, Environment("/nowhere/a:/nowhere/b")));
        Assert.Contains("/nowhere/a:/nowhere/b: it is not there", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a: [", "it is no YAML")]
    [InlineData("", "it is no kubeconfig")]
    [InlineData("- a", "it is no kubeconfig")]
    [InlineData("contexts: []", "it has no current-context")]
    [InlineData("current-context: x", "it has no context x (it has no contexts at all)")]
    [InlineData("{current-context: x, contexts: [{name: y, context: {}}]}", "it has no context x (there are: y)")]
    [InlineData("{current-context: y, contexts: 5}", "contexts: a list is expected")]
    [InlineData("{current-context: y, contexts: [5]}", "contexts[0]: a mapping is expected")]
    [InlineData("{current-context: [y]}", "current-context: a text is expected")]
    [InlineData("{current-context: y, contexts: [{name: y}]}", "contexts[0].context: it is missing")]
    [InlineData("{current-context: y, contexts: [{name: y, context: {}}]}", "contexts[0].context.cluster: it is missing")]
    [InlineData("{current-context: y, contexts: [{name: y, context: {cluster: c}}]}", "contexts[0].context.cluster: there is no cluster \"c\"")]
    public void A_file_that_leads_nowhere_says_where_it_is_wrong(string text, string problem)
    {
        var path = _directory.Write("config", text);
        var error = Assert.Throws<ClusterConfigException>(() => ClusterConfig.FromKubeconfig(path, null));
        Assert.StartsWith($"kubeconfig {path}: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("server: nowhere", "token: a", "clusters[0].cluster.server: \"nowhere\" is no address")]
    [InlineData("server: 'ftp://x'", "token: a", "clusters[0].cluster.server: \"ftp://x\" is no address")]
    [InlineData("{}", "token: a", "clusters[0].cluster.server: it is missing")]
    [InlineData("{server: 'https://x', certificate-authority-data: '%%%'}", "token: a", "clusters[0].cluster.certificate-authority-data: it is not base64")]
    [InlineData("{server: 'https://x', certificate-authority-data: aGVsbG8=}", "token: a", "clusters[0].cluster.certificate-authority: it holds no certificate")]
    [InlineData("{server: 'https://x', certificate-authority: gone.crt}", "token: a", "gone.crt cannot be read")]
    [InlineData("{server: 'https://x', insecure-skip-tls-verify: maybe}", "token: a", "insecure-skip-tls-verify: true or false is expected")]
    [InlineData("{server: 'https://x', insecure-skip-tls-verify: true, certificate-authority-data: aGVsbG8=}", "token: a", "it excludes certificate-authority")]
    [InlineData("server: 'https://x'", "client-certificate-data: aGVsbG8=", "users[0].user.client-key: it is missing")]
    [InlineData("server: 'https://x'", "client-key-data: aGVsbG8=", "users[0].user.client-certificate: it is missing")]
    [InlineData("server: 'https://x'", "token: \"a b\"", "users[0].user.token: it holds spaces")]
    [InlineData("server: 'https://x'", "auth-provider: {name: gcp}", "users[0].user.auth-provider: Kubernetes has removed")]
    [InlineData("server: 'https://x'", "as-groups: [a]", "users[0].user.as: it is missing")]
    [InlineData("server: 'https://x'", "{as: jane, as-groups: [a, b]}", "users[0].user.as-groups: more than one value is not supported")]
    [InlineData("server: 'https://x'", "exec: {}", "users[0].user.exec.apiVersion: it is missing")]
    [InlineData("server: 'https://x'", "exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}", "is not supported (use client.authentication.k8s.io/v1)")]
    [InlineData("server: 'https://x'", "exec: {apiVersion: client.authentication.k8s.io/v1}", "users[0].user.exec.command: it is missing")]
    [InlineData("server: 'https://x'", "exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Always}", "needs a terminal")]
    public void A_malformed_entry_is_named_with_its_place(string cluster, string user, string problem)
    {
        var path = _directory.Write("config", $$$"""
            current-context: c
            contexts: [{name: c, context: {cluster: a, user: u}}]
            clusters:
            - name: a
              cluster:
                {{{cluster}}}
            users:
            - name: u
              user:
                {{{user}}}
            """);
        var error = Assert.Throws<ClusterConfigException>(() => ClusterConfig.FromKubeconfig(path, null));
        Assert.StartsWith($"kubeconfig {path}: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_key_that_belongs_to_another_certificate_is_refused()
    {
        using var certificates = new TestCertificates();
        var path = WriteConfig(
            new Uri("https://x"), $"client-certificate-data: {Base64(certificates.Client("a").Certificate)}\n    client-key-data: {Base64(certificates.Client("b").Key)}");
        var error = Assert.Throws<ClusterConfigException>(() => ClusterConfig.FromKubeconfig(path, null));
        Assert.Contains("cannot be used together", error.Message, StringComparison.Ordinal);
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private ClusterEnvironment Environment(string kubeconfig) => new()
    {
        Variable = name => name switch { "KUBECONFIG" => kubeconfig, "HOME" => _directory.Path, _ => null },
        ServiceAccountDirectory = Path.Combine(_directory.Path, "serviceaccount"),
    };

    private async Task ConnectAsync(TestServer server, string cluster)
    {
        using var client = new ApiClient(
            ClusterConfig.FromKubeconfig(WriteConfig(server.Address, "token: abc", cluster), null), new ApiClientOptions { RetryDelay = TimeSpan.FromMilliseconds(1) });
        await client.GetServerVersionAsync(Cancellation);
    }

    private string WriteConfig(Uri server, string user, string cluster = "{}") => _directory.Write("config", $"""
        current-context: c
        contexts:
        - name: c
          context:
            cluster: a
            user: u
        clusters:
        - name: a
          cluster:
            server: {server.AbsoluteUri}
            {(cluster == "{}" ? "" : cluster)}
        users:
        - name: u
          user:
            {user}
        """);
}
