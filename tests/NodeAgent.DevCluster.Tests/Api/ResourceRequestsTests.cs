using System.Net;

namespace NodeAgent.DevCluster.Tests.Api;

public sealed class ResourceRequestsTests
{
    private const string ConfigMaps = "/api/v1/namespaces/default/configmaps";

    [Fact]
    public async Task A_created_object_gets_uid_revision_and_time_and_is_read_back()
    {
        await using var cluster = await TestCluster.StartAsync();
        var created = await cluster.CreateAsync(ConfigMaps, """{"metadata":{"name":"a"},"data":{"k":"v"}}""");
        Assert.Equal("ConfigMap", (string?)created["kind"]);
        Assert.True(Guid.TryParse((string?)created["metadata"]!["uid"], out _));
        Assert.EndsWith("Z", (string?)created["metadata"]!["creationTimestamp"]);
        var read = await cluster.GetAsync(ConfigMaps + "/a");
        Assert.Equal(created.ToJsonString(), read.ToJsonString());
    }

    [Fact]
    public async Task A_second_object_of_the_same_name_is_refused()
    {
        await using var cluster = await TestCluster.StartAsync();
        await cluster.CreateAsync(ConfigMaps, """{"metadata":{"name":"a"}}""");
        var (code, status) = await cluster.SendAsync(HttpMethod.Post, ConfigMaps, """{"metadata":{"name":"a"}}""");
        Assert.Equal(HttpStatusCode.Conflict, code);
        Assert.Equal("AlreadyExists", (string?)status["reason"]);
        Assert.Equal("configmaps \"a\" already exists", (string?)status["message"]);
    }

    [Fact]
    public async Task A_generated_name_starts_with_its_prefix()
    {
        await using var cluster = await TestCluster.StartAsync();
        var one = await cluster.CreateAsync(ConfigMaps, """{"metadata":{"generateName":"run-"}}""");
        var two = await cluster.CreateAsync(ConfigMaps, """{"metadata":{"generateName":"run-"}}""");
        Assert.StartsWith("run-", (string?)one["metadata"]!["name"]);
        Assert.NotEqual((string?)one["metadata"]!["name"], (string?)two["metadata"]!["name"]);
    }

    [Fact]
    public async Task A_write_with_a_stale_revision_conflicts_and_changes_nothing()
    {
        await using var cluster = await TestCluster.StartAsync();
        var first = await cluster.CreateAsync(ConfigMaps, """{"metadata":{"name":"a"},"data":{"k":"1"}}""");
        await cluster.PatchAsync(ConfigMaps + "/a", """{"data":{"k":"2"}}""");
        first["data"]!["k"] = "3";
        var (code, status) = await cluster.SendAsync(HttpMethod.Put, ConfigMaps + "/a", first.ToJsonString());
        Assert.Equal(HttpStatusCode.Conflict, code);
        Assert.Equal("Conflict", (string?)status["reason"]);
        Assert.Equal("2", (string?)(await cluster.GetAsync(ConfigMaps + "/a"))["data"]!["k"]);
    }

    [Fact]
    public async Task A_write_that_changes_nothing_keeps_the_revision()
    {
        await using var cluster = await TestCluster.StartAsync();
        var first = await cluster.CreateAsync(ConfigMaps, """{"metadata":{"name":"a"},"data":{"k":"1"}}""");
        var (_, again) = await cluster.PatchAsync(ConfigMaps + "/a", """{"data":{"k":"1"}}""");
        Assert.Equal((string?)first["metadata"]!["resourceVersion"], (string?)again["metadata"]!["resourceVersion"]);
    }

    [Fact]
    public async Task Missing_objects_resources_and_namespaces_answer_404()
    {
        await using var cluster = await TestCluster.StartAsync();
        var (code, status) = await cluster.SendAsync(HttpMethod.Get, ConfigMaps + "/none");
        Assert.Equal(HttpStatusCode.NotFound, code);
        Assert.Equal("configmaps \"none\" not found", (string?)status["message"]);
        using var unknown = await cluster.Http.GetAsync("/apis/none.example/v1/things", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
        Assert.Equal("404 page not found\n", await unknown.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        var (missing, why) = await cluster.SendAsync(HttpMethod.Post, "/api/v1/namespaces/none/configmaps", """{"metadata":{"name":"a"}}""");
        Assert.Equal(HttpStatusCode.NotFound, missing);
        Assert.Equal("namespaces \"none\" not found", (string?)why["message"]);
    }

    [Fact]
    public async Task Status_is_written_through_its_subresource_only()
    {
        await using var cluster = await TestCluster.StartAsync(o => o with { RunNodes = false });
        const string Path = "/apis/apps/v1/namespaces/default/deployments";
        await cluster.CreateAsync(Path, """
            {"metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}},"status":{"replicas":7}}
            """);
        var (_, direct) = await cluster.PatchAsync(Path + "/d", """{"status":{"replicas":5},"spec":{"replicas":2}}""");
        Assert.Null(direct["status"]);
        Assert.Equal(2, (int?)direct["metadata"]!["generation"]);
        var (_, through) = await cluster.PatchAsync(Path + "/d/status", """{"status":{"replicas":5},"spec":{"replicas":9}}""");
        Assert.Equal(5, (int?)through["status"]!["replicas"]);
        Assert.Equal(2, (int?)through["spec"]!["replicas"]);
        Assert.Equal(2, (int?)through["metadata"]!["generation"]);
    }

    [Fact]
    public async Task A_dry_run_answers_as_if_and_stores_nothing()
    {
        await using var cluster = await TestCluster.StartAsync();
        var (code, _) = await cluster.SendAsync(HttpMethod.Post, ConfigMaps + "?dryRun=All", """{"metadata":{"name":"a"}}""");
        Assert.Equal(HttpStatusCode.Created, code);
        Assert.Equal(HttpStatusCode.NotFound, (await cluster.SendAsync(HttpMethod.Get, ConfigMaps + "/a")).Code);
    }

    [Fact]
    public async Task An_invalid_object_answers_422_with_each_cause()
    {
        await using var cluster = await TestCluster.StartAsync();
        var (code, status) = await cluster.SendAsync(HttpMethod.Post, "/api/v1/namespaces/default/pods", """{"metadata":{"name":"Bad_Name"},"spec":{"containers":[{"name":"c"}]}}""");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, code);
        var fields = status["details"]!["causes"]!.AsArray().Select(c => (string?)c!["field"]);
        Assert.Equal(["metadata.name", "spec.containers[0].image"], fields);
    }

    [Fact]
    public async Task Items_of_built_in_lists_have_no_kind_and_custom_ones_do()
    {
        await using var cluster = await TestCluster.StartAsync();
        await cluster.CreateAsync(ConfigMaps, """{"metadata":{"name":"a"}}""");
        var list = await cluster.GetAsync(ConfigMaps);
        Assert.Equal("ConfigMapList", (string?)list["kind"]);
        Assert.All(list["items"]!.AsArray(), i => Assert.Null(i!["kind"]));
        var definitions = await cluster.GetAsync("/apis/apiextensions.k8s.io/v1/customresourcedefinitions");
        Assert.NotEmpty(definitions["items"]!.AsArray());
    }

    [Fact]
    public async Task Pages_show_the_state_of_the_first_page_and_expire_with_the_history()
    {
        await using var cluster = await TestCluster.StartAsync();
        for (var i = 0; i < 5; i++)
            await cluster.CreateAsync(ConfigMaps, $$"""{"metadata":{"name":"page-{{i}}","labels":{"set":"x"} } }""");
        var first = await cluster.GetAsync(ConfigMaps + "?limit=2&labelSelector=set%3Dx");
        // How many are left is told of whole lists only.
        Assert.Null(first["metadata"]!["remainingItemCount"]);
        Assert.InRange((int)(await cluster.GetAsync(ConfigMaps + "?limit=2"))["metadata"]!["remainingItemCount"]!, 3, 20);
        await cluster.SendAsync(HttpMethod.Delete, ConfigMaps + "/page-3");
        var token = (string?)first["metadata"]!["continue"];
        var rest = await cluster.GetAsync($"{ConfigMaps}?limit=10&labelSelector=set%3Dx&continue={token}");
        Assert.Equal(["page-2", "page-3", "page-4"], rest["items"]!.AsArray().Select(i => (string?)i!["metadata"]!["name"]));
        Assert.Null(rest["metadata"]!["continue"]);
        cluster.Cluster.Faults.ExpireHistory();
        var (code, status) = await cluster.SendAsync(HttpMethod.Get, $"{ConfigMaps}?limit=10&continue={token}");
        Assert.Equal(HttpStatusCode.Gone, code);
        Assert.Equal("Expired", (string?)status["reason"]);
    }

    [Theory]
    [InlineData("labelSelector=app%3Dweb", "one,two")]
    [InlineData("labelSelector=app%21%3Dweb", "three")]
    [InlineData("labelSelector=tier%20in%20%28a%2Cb%29", "one,two")]
    [InlineData("labelSelector=tier%20notin%20%28a%29%2Capp", "three,two")]
    [InlineData("labelSelector=%21tier", "three")]
    [InlineData("fieldSelector=metadata.name%3Dtwo", "two")]
    [InlineData("fieldSelector=spec.nodeName%3Dnowhere", "one,three,two")]
    [InlineData("fieldSelector=spec.nodeName%21%3Dnowhere%2Cstatus.phase%3DPending", "")]
    public async Task Selectors_choose(string query, string names)
    {
        await using var cluster = await TestCluster.StartAsync(o => o with { RunNodes = false });
        foreach (var (name, labels) in ((string, string)[])[("one", """{"app":"web","tier":"a"}"""), ("two", """{"app":"web","tier":"b"}"""), ("three", """{"app":"db"}""")])
            await cluster.CreateAsync("/api/v1/namespaces/default/pods", $$"""{"metadata":{"name":"{{name}}","labels":{{labels}} },"spec":{"nodeName":"nowhere","containers":[{"name":"c","image":"i"}]} }""");
        var list = await cluster.GetAsync("/api/v1/pods?" + query);
        Assert.Equal(names, string.Join(',', list["items"]!.AsArray().Select(i => (string?)i!["metadata"]!["name"])));
    }

    [Fact]
    public async Task An_unknown_field_selector_is_a_bad_request()
    {
        await using var cluster = await TestCluster.StartAsync();
        var (code, _) = await cluster.SendAsync(HttpMethod.Get, "/api/v1/pods?fieldSelector=spec.colour%3Dred");
        Assert.Equal(HttpStatusCode.BadRequest, code);
    }

    [Fact]
    public async Task The_kubeconfig_is_for_its_owner_alone_and_only_loopback_is_served()
    {
        await using var cluster = await TestCluster.StartAsync();
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(cluster.Cluster.KubeconfigPath));
        var refused = await Assert.ThrowsAsync<ArgumentException>(() => TestCluster.StartAsync(o => o with { Listen = IPAddress.Any }));
        Assert.Contains("loopback", refused.Message, StringComparison.Ordinal);
    }
}
