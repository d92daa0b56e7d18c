using System.Net;
using System.Text.Json.Nodes;

namespace NodeAgent.DevCluster.Tests.FieldOwnership;

public sealed class ServerSideApplyTests
{
    private const string Path = "/api/v1/namespaces/default/configmaps/c";

    [Fact]
    public async Task What_a_manager_no_longer_applies_is_removed_and_the_rest_stays()
    {
        await using var cluster = await TestCluster.StartAsync();
        Assert.Equal(HttpStatusCode.Created, (await ApplyAsync(cluster, "one", """{"a":"1","b":"2"}""")).Code);
        await ApplyAsync(cluster, "two", """{"c":"3"}""");
        var (code, obj) = await ApplyAsync(cluster, "one", """{"a":"1"}""");
        Assert.Equal(HttpStatusCode.OK, code);
        Assert.Equal("""{"a":"1","c":"3"}""", obj["data"]!.ToJsonString());
        Assert.Equal(["one", "two"], obj["metadata"]!["managedFields"]!.AsArray().Select(m => (string?)m!["manager"]).Order());
    }

    [Fact]
    public async Task Another_managers_value_conflicts_unless_forced()
    {
        await using var cluster = await TestCluster.StartAsync();
        await ApplyAsync(cluster, "one", """{"a":"1"}""");
        var (code, status) = await ApplyAsync(cluster, "two", """{"a":"2"}""");
        Assert.Equal(HttpStatusCode.Conflict, code);
        var cause = Assert.Single(status["details"]!["causes"]!.AsArray());
        Assert.Equal(("FieldManagerConflict", ".data.a"), ((string?)cause!["reason"], (string?)cause["field"]));
        var (forced, obj) = await ApplyAsync(cluster, "two", """{"a":"2"}""", "&force=true");
        Assert.Equal(HttpStatusCode.OK, forced);
        Assert.Equal("2", (string?)obj["data"]!["a"]);
        Assert.Equal(HttpStatusCode.Conflict, (await ApplyAsync(cluster, "one", """{"a":"1"}""")).Code);
    }

    [Fact]
    public async Task An_equal_value_is_owned_by_both_and_survives_either()
    {
        await using var cluster = await TestCluster.StartAsync();
        await ApplyAsync(cluster, "one", """{"a":"1"}""");
        Assert.Equal(HttpStatusCode.OK, (await ApplyAsync(cluster, "two", """{"a":"1"}""")).Code);
        var (_, obj) = await ApplyAsync(cluster, "one", "{}");
        Assert.Equal("1", (string?)obj["data"]!["a"]);
    }

    [Fact]
    public async Task An_update_takes_ownership_of_what_it_changes()
    {
        await using var cluster = await TestCluster.StartAsync();
        await ApplyAsync(cluster, "one", """{"a":"1"}""");
        await cluster.PatchAsync(Path + "?fieldManager=editor", """{"data":{"a":"9"}}""");
        var (code, status) = await ApplyAsync(cluster, "one", """{"a":"1"}""");
        Assert.Equal(HttpStatusCode.Conflict, code);
        Assert.Contains("\"editor\"", (string?)status["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Applying_the_same_again_changes_nothing()
    {
        await using var cluster = await TestCluster.StartAsync();
        var (_, first) = await ApplyAsync(cluster, "one", """{"a":"1"}""");
        var (_, second) = await ApplyAsync(cluster, "one", """{"a":"1"}""");
        Assert.Equal(first.ToJsonString(), second.ToJsonString());
    }

    private static Task<(HttpStatusCode Code, JsonObject Body)> ApplyAsync(TestCluster cluster, string manager, string data, string query = "") =>
        cluster.PatchAsync($"{Path}?fieldManager={manager}{query}", $$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{{data}}}""", "apply-patch+yaml");
}
