using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Kubernetes.Tests.Api;

public sealed class ApiDiscoveryTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_served_is_found_by_every_name_that_people_use()
    {
        await using var server = await StartAsync();
        using var client = server.Connect();
        var served = await client.Discovery.GetAsync(Cancellation);
        foreach (var name in new[] { "pods", "pod", "po", "Pod", "PODS" }) Assert.Equal(KubernetesResources.Pods, served.Find(name)!.Kind);
        foreach (var name in new[] { "deployments", "deploy", "deployments.apps", "deployments.v1.apps" })
            Assert.Equal(new ResourceKind("apps", "v1", "deployments", "Deployment"), served.Find(name)!.Kind);
        Assert.Equal("v1beta1", served.Find("deployments.v1beta1.apps")!.Kind.Version);
        Assert.Null(served.Find("deployments.batch"));
        Assert.Null(served.Find("nothing"));
        Assert.Equal("nodes", served.FindKind("v1", "Node")!.Kind.Plural);
        Assert.False(served.Find("nodes")!.Kind.Namespaced);
    }

    [Fact]
    public async Task Each_resource_is_preferred_in_one_version_and_subresources_belong_to_it()
    {
        await using var server = await StartAsync();
        using var client = server.Connect();
        var served = await client.Discovery.GetAsync(Cancellation);
        Assert.Equal(["pods v1", "nodes v1", "deployments v1", "controllerrevisions v1beta1"], served.Preferred.Select(r => $"{r.Kind.Plural} {r.Kind.Version}"));
        Assert.Equal(5, served.All.Count);
        var pods = served.Find("pods")!;
        Assert.Equal(["log", "status"], pods.Subresources.Order());
        Assert.True(pods.Can("watch"));
        Assert.False(pods.Can("bake"));
        Assert.Equal(["all"], pods.Categories);
    }

    [Fact]
    public async Task A_group_that_does_not_answer_takes_only_itself_away()
    {
        await using var server = await StartAsync();
        using var client = server.Connect();
        var served = await client.Discovery.GetAsync(Cancellation);
        Assert.Contains("apis/metrics.k8s.io/v1beta1: 404", Assert.Single(served.UnavailableGroups), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_the_core_group_nothing_is_known()
    {
        await using var server = await TestServer.StartAsync(context => context.Request.Path == "/api/v1" ? TestServer.Status(403, "Forbidden", "no")(context) : AnswerAsync(context));
        using var client = server.Connect();
        var error = await Assert.ThrowsAsync<ApiException>(() => client.Discovery.GetAsync(Cancellation));
        Assert.True(error.IsForbidden);
    }

    [Fact]
    public async Task The_server_is_asked_once_until_a_refresh()
    {
        await using var server = await StartAsync();
        using var client = server.Connect();
        await client.Discovery.GetAsync(Cancellation);
        var asked = server.Requests.Count;
        await client.Discovery.GetAsync(Cancellation);
        Assert.Equal(asked, server.Requests.Count);
        await client.Discovery.RefreshAsync(Cancellation);
        Assert.Equal(2 * asked, server.Requests.Count);
    }

    [Fact]
    public async Task A_failed_discovery_is_tried_again_at_the_next_question()
    {
        var isDown = true;
        await using var server = await TestServer.StartAsync(context => isDown ? TestServer.Status(403, "Forbidden", "no")(context) : AnswerAsync(context));
        using var client = server.Connect();
        await Assert.ThrowsAsync<ApiException>(() => client.Discovery.GetAsync(Cancellation));
        isDown = false;
        Assert.NotNull((await client.Discovery.GetAsync(Cancellation)).Find("pods"));
    }

    private static Task<TestServer> StartAsync() => TestServer.StartAsync(AnswerAsync);

    private static Task AnswerAsync(Microsoft.AspNetCore.Http.HttpContext context) => (context.Request.Path.Value switch
    {
        "/api" => TestServer.Json("""{"kind":"APIVersions","versions":["v1"]}"""),
        "/apis" => TestServer.Json("""
            {"groups":[
              {"name":"apps","versions":[{"version":"v1beta1"},{"version":"v1"}],"preferredVersion":{"version":"v1"}},
              {"name":"metrics.k8s.io","versions":[{"version":"v1beta1"}],"preferredVersion":{"version":"v1beta1"}}]}
            """),
        "/api/v1" => TestServer.Json("""
            {"resources":[
              {"name":"pods","singularName":"pod","kind":"Pod","namespaced":true,"shortNames":["po"],"categories":["all"],"verbs":["get","list","watch"]},
              {"name":"pods/log","kind":"Pod","namespaced":true,"verbs":["get"]},{"name":"pods/status","kind":"Pod","namespaced":true,"verbs":["get"]},
              {"name":"nodes","singularName":"node","kind":"Node","namespaced":false,"verbs":["get"]}]}
            """),
        "/apis/apps/v1" => TestServer.Json("""{"resources":[{"name":"deployments","singularName":"deployment","kind":"Deployment","namespaced":true,"shortNames":["deploy"],"verbs":["get"]}]}"""),
        "/apis/apps/v1beta1" => TestServer.Json("""
            {"resources":[{"name":"deployments","kind":"Deployment","namespaced":true,"verbs":["get"]},{"name":"controllerrevisions","kind":"ControllerRevision","namespaced":true,"verbs":["get"]}]}
            """),
        _ => TestServer.Status(404, "NotFound", "not found"),
    })(context);
}
