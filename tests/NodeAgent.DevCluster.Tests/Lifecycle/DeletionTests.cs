using System.Net;

namespace NodeAgent.DevCluster.Tests.Lifecycle;

public sealed class DeletionTests
{
    private const string ConfigMaps = "/api/v1/namespaces/default/configmaps";

    [Fact]
    public async Task A_finalizer_holds_an_object_until_it_is_removed()
    {
        await using var cluster = await TestCluster.StartAsync();
        await cluster.CreateAsync(ConfigMaps, """{"metadata":{"name":"a","finalizers":["example.com/hold"]}}""");
        var (code, held) = await cluster.SendAsync(HttpMethod.Delete, ConfigMaps + "/a");
        Assert.Equal(HttpStatusCode.OK, code);
        Assert.NotNull(held["metadata"]!["deletionTimestamp"]);
        Assert.NotNull((await cluster.GetAsync(ConfigMaps + "/a"))["metadata"]!["deletionTimestamp"]);
        await cluster.PatchAsync(ConfigMaps + "/a", """{"metadata":{"finalizers":null}}""");
        Assert.Equal(HttpStatusCode.NotFound, (await cluster.SendAsync(HttpMethod.Get, ConfigMaps + "/a")).Code);
    }

    [Fact]
    public async Task A_deletion_with_the_wrong_uid_is_refused()
    {
        await using var cluster = await TestCluster.StartAsync();
        await cluster.CreateAsync(ConfigMaps, """{"metadata":{"name":"a"}}""");
        var (code, _) = await cluster.SendAsync(HttpMethod.Delete, ConfigMaps + "/a", """{"preconditions":{"uid":"other"}}""");
        Assert.Equal(HttpStatusCode.Conflict, code);
        await cluster.GetAsync(ConfigMaps + "/a");
    }

    [Fact]
    public async Task A_terminating_namespace_takes_nothing_new_and_goes_once_its_content_is_gone()
    {
        await using var cluster = await TestCluster.StartAsync();
        await cluster.CreateAsync("/api/v1/namespaces", """{"metadata":{"name":"n"}}""");
        await cluster.CreateAsync("/api/v1/namespaces/n/configmaps", """{"metadata":{"name":"held","finalizers":["example.com/hold"]}}""");
        await cluster.CreateAsync("/api/v1/namespaces/n/configmaps", """{"metadata":{"name":"free"}}""");
        var (_, ns) = await cluster.SendAsync(HttpMethod.Delete, "/api/v1/namespaces/n");
        Assert.Equal("Terminating", (string?)ns["status"]!["phase"]);
        await cluster.WaitGoneAsync("/api/v1/namespaces/n/configmaps/free");
        var (code, status) = await cluster.SendAsync(HttpMethod.Post, "/api/v1/namespaces/n/configmaps", """{"metadata":{"name":"late"}}""");
        Assert.Equal(HttpStatusCode.Forbidden, code);
        Assert.Equal("NamespaceTerminating", (string?)status["details"]!["causes"]![0]!["reason"]);
        await cluster.PatchAsync("/api/v1/namespaces/n/configmaps/held", """{"metadata":{"finalizers":null}}""");
        await cluster.WaitGoneAsync("/api/v1/namespaces/n");
    }

    [Theory]
    [InlineData("Background", true)]
    [InlineData("Foreground", true)]
    [InlineData("Orphan", false)]
    public async Task Dependents_follow_their_owner_as_asked(string policy, bool follows)
    {
        await using var cluster = await TestCluster.StartAsync();
        var owner = await cluster.CreateAsync(ConfigMaps, """{"metadata":{"name":"owner"}}""");
        var reference = $$"""{"apiVersion":"v1","kind":"ConfigMap","name":"owner","uid":"{{owner["metadata"]!["uid"]}}","blockOwnerDeletion":true}""";
        await cluster.CreateAsync(ConfigMaps, $$"""{"metadata":{"name":"child","ownerReferences":[{{reference}}]} }""");
        await cluster.SendAsync(HttpMethod.Delete, $"{ConfigMaps}/owner?propagationPolicy={policy}");
        await cluster.WaitGoneAsync(ConfigMaps + "/owner");
        if (follows)
            await cluster.WaitGoneAsync(ConfigMaps + "/child");
        else
            Assert.Null((await cluster.GetAsync(ConfigMaps + "/child"))["metadata"]!["ownerReferences"]);
    }

    [Fact]
    public async Task Deleting_a_collection_keeps_what_the_selector_leaves_out()
    {
        await using var cluster = await TestCluster.StartAsync();
        await cluster.CreateAsync(ConfigMaps, """{"metadata":{"name":"a","labels":{"x":"1"}}}""");
        await cluster.CreateAsync(ConfigMaps, """{"metadata":{"name":"b"}}""");
        await cluster.SendAsync(HttpMethod.Delete, ConfigMaps + "?labelSelector=x");
        Assert.Equal(HttpStatusCode.NotFound, (await cluster.SendAsync(HttpMethod.Get, ConfigMaps + "/a")).Code);
        await cluster.GetAsync(ConfigMaps + "/b");
    }
}
