using System.Text.Json.Nodes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;

namespace NodeAgent.Kubernetes.Tests.Connection;

public sealed class ExecCredentialTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("v1")]
    [InlineData("v1beta1")]
    public async Task A_plugin_gets_its_arguments_and_variables_and_gives_a_token(string version)
    {
        _directory.WriteScript("login", $$$"""
            echo "$KUBERNETES_EXEC_INFO" > "$(dirname "$0")/info"
            printf '{"apiVersion":"client.authentication.k8s.io/{{{version}}}","kind":"ExecCredential","status":{"token":"%s-%s"}}' "$1" "$REGION"
            """);
        await using var server = await TestServer.StartAsync(TestServer.Json("{}"));
        using var client = Connect(server, "args: [get-token], env: [{name: REGION, value: north}], provideClusterInfo: true", version);
        await client.GetServerVersionAsync(Cancellation);
        Assert.Equal("Bearer get-token-north", Assert.Single(server.Requests).Header("Authorization"));
        var info = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(_directory.Path, "info"), Cancellation))!;
        Assert.Equal($"client.authentication.k8s.io/{version}", (string?)info["apiVersion"]);
        Assert.False((bool)info["spec"]!["interactive"]!);
        Assert.Equal(server.Address.AbsoluteUri.TrimEnd('/'), (string?)info["spec"]!["cluster"]!["server"]);
    }

    [Fact]
    public async Task A_plugin_is_run_again_when_its_token_runs_out_or_is_refused_and_not_before()
    {
        var time = new ManualTimeProvider();
        WriteCounter(time.GetUtcNow().AddMinutes(10));
        var refused = "";
        await using var server = await TestServer.StartAsync(context => context.Request.Headers.Authorization == refused
            ? TestServer.Status(401, "Unauthorized", "no")(context)
            : TestServer.Json("{}")(context));
        using var client = Connect(server, "", options: new ApiClientOptions { Time = time });
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => client.GetServerVersionAsync(Cancellation)));
        Assert.All(server.Requests, r => Assert.Equal("Bearer t1", r.Header("Authorization")));
        time.Advance(TimeSpan.FromMinutes(9));
        await client.GetServerVersionAsync(Cancellation);
        Assert.Equal("Bearer t1", server.Requests.Last().Header("Authorization"));

        WriteCounter(time.GetUtcNow().AddMinutes(60));
        time.Advance(TimeSpan.FromSeconds(40));
        await client.GetServerVersionAsync(Cancellation);
        Assert.Equal("Bearer t2", server.Requests.Last().Header("Authorization"));

        refused = "Bearer t2";
        await client.GetServerVersionAsync(Cancellation);
        Assert.Equal("Bearer t3", server.Requests.Last().Header("Authorization"));
    }

    [Fact]
    public async Task A_plugin_may_give_a_client_certificate()
    {
        using var certificates = new TestCertificates();
        var (certificate, key) = certificates.Client("plugin");
        var credential = new JsonObject
        {
            ["apiVersion"] = "client.authentication.k8s.io/v1",
            ["kind"] = "ExecCredential",
            ["status"] = new JsonObject { ["clientCertificateData"] = certificate, ["clientKeyData"] = key },
        };
        _directory.Write("credential.json", credential.ToJsonString());
        _directory.WriteScript("login", "cat \"$(dirname \"$0\")/credential.json\"\n");
        await using var server = await TestServer.StartAsync(
            context => TestServer.Json($$"""{"gitVersion":"{{context.Connection.ClientCertificate?.Subject}}"}""")(context), certificates.Server("127.0.0.1"));
        using var client = Connect(server, "", cluster: "insecure-skip-tls-verify: true");
        Assert.Equal("CN=plugin", (await client.GetServerVersionAsync(Cancellation)).GitVersion);
    }

    [Theory]
    [InlineData("echo broken >&2; exit 3", "it ended with code 3: broken")]
    [InlineData("exit 4", "it ended with code 4: it printed no reason")]
    [InlineData("cat; echo no-json", "its output is no ExecCredential in JSON")]
    [InlineData("echo '{\"kind\":\"Pod\"}'", "its output is not of kind ExecCredential")]
    [InlineData("echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v2\"}'", "its output is of version \"client.authentication.k8s.io/v2\"")]
    [InlineData("echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\"}'", "its output has no status")]
    [InlineData("echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{}}'", "it gave neither a token nor a client certificate")]
    [InlineData("echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{\"token\":\"a\",\"expirationTimestamp\":\"soon\"}}'", "its expirationTimestamp \"soon\" is no time")]
    public async Task A_plugin_that_fails_is_named_with_the_reason(string script, string problem)
    {
        var path = _directory.WriteScript("login", script + "\n");
        await using var server = await TestServer.StartAsync(TestServer.Json("{}"));
        using var client = Connect(server, "");
        var error = await Assert.ThrowsAsync<ClusterConfigException>(() => client.GetServerVersionAsync(Cancellation));
        Assert.Contains($"users[0].user.exec.command: credential plugin {path}: {problem}", error.Message, StringComparison.Ordinal);
        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task A_plugin_that_is_not_installed_comes_with_its_hint()
    {
        await using var server = await TestServer.StartAsync(TestServer.Json("{}"));
        using var client = Connect(server, "installHint: 'get it from your provider'");
        var error = await Assert.ThrowsAsync<ClusterConfigException>(() => client.GetServerVersionAsync(Cancellation));
        Assert.Contains("it cannot be started", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("(get it from your provider)", error.Message, StringComparison.Ordinal);
    }

    private void WriteCounter(DateTimeOffset expires) => _directory.WriteScript("login", $$$"""
        cd "$(dirname "$0")"
        echo x >> runs
        printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t%s","expirationTimestamp":"{{{expires:yyyy-MM-ddTHH:mm:ssZ}}}"}}' "$(wc -l < runs | tr -d ' ')"
        """);

    private ApiClient Connect(TestServer server, string exec, string version = "v1", string cluster = "", ApiClientOptions? options = null)
    {
        var path = _directory.Write("config", $$$"""
            current-context: c
            contexts: [{name: c, context: {cluster: a, user: u}}]
            clusters:
            - name: a
              cluster:
                server: {{{server.Address.AbsoluteUri}}}
                {{{cluster}}}
            users:
            - name: u
              user:
                exec: {apiVersion: client.authentication.k8s.io/{{{version}}}, command: ./login, {{{exec}}}}
            """);
        return new ApiClient(ClusterConfig.FromKubeconfig(path, null), options);
    }
}
