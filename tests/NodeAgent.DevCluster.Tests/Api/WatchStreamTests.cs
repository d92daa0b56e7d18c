using System.Text.Json.Nodes;

namespace NodeAgent.DevCluster.Tests.Api;

public sealed class WatchStreamTests
{
    private const string ConfigMaps = "/api/v1/namespaces/kube-public/configmaps";

    [Fact]
    public async Task A_watch_from_a_list_sees_every_later_change_in_order()
    {
        await using var cluster = await TestCluster.StartAsync();
        var revision = (string?)(await cluster.GetAsync(ConfigMaps))["metadata"]!["resourceVersion"];
        await cluster.CreateAsync(ConfigMaps, """{"metadata":{"name":"a"}}""");
        using var watch = await cluster.WatchAsync($"{ConfigMaps}?watch=true&resourceVersion={revision}");
        Assert.Equal(("ADDED", "a"), await watch.NameAsync());
        await cluster.PatchAsync(ConfigMaps + "/a", """{"data":{"k":"1"}}""");
        Assert.Equal(("MODIFIED", "a"), await watch.NameAsync());
        await cluster.SendAsync(HttpMethod.Delete, ConfigMaps + "/a");
        Assert.Equal(("DELETED", "a"), await watch.NameAsync());
    }

    [Fact]
    public async Task An_object_that_leaves_the_selector_is_deleted_for_that_watch()
    {
        await using var cluster = await TestCluster.StartAsync();
        using var watch = await cluster.WatchAsync(ConfigMaps + "?watch=true&labelSelector=on");
        await cluster.CreateAsync(ConfigMaps, """{"metadata":{"name":"a"}}""");
        await cluster.PatchAsync(ConfigMaps + "/a", """{"metadata":{"labels":{"on":"1"}}}""");
        Assert.Equal(("ADDED", "a"), await watch.NameAsync());
        await cluster.PatchAsync(ConfigMaps + "/a", """{"metadata":{"labels":{"on":null}}}""");
        Assert.Equal(("DELETED", "a"), await watch.NameAsync());
    }

    [Fact]
    public async Task A_watch_from_forgotten_history_ends_with_410()
    {
        await using var cluster = await TestCluster.StartAsync();
        cluster.Cluster.Faults.ExpireHistory();
        using var watch = await cluster.WatchAsync(ConfigMaps + "?watch=true&resourceVersion=3");
        var (type, status) = (await watch.NextAsync())!.Value;
        Assert.Equal("ERROR", type);
        Assert.Equal(410, (int?)status["code"]);
        Assert.Null(await watch.NextAsync());
    }

    [Fact]
    public async Task Initial_events_end_with_an_annotated_bookmark()
    {
        await using var cluster = await TestCluster.StartAsync();
        using var watch = await cluster.WatchAsync(ConfigMaps + "?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
        Assert.Equal(("ADDED", "kube-root-ca.crt"), await watch.NameAsync());
        var (type, mark) = (await watch.NextAsync())!.Value;
        Assert.Equal("BOOKMARK", type);
        Assert.Equal("true", (string?)mark["metadata"]!["annotations"]!["k8s.io/initial-events-end"]);
    }

    [Fact]
    public async Task Bookmarks_tell_how_far_a_quiet_watch_has_come()
    {
        await using var cluster = await TestCluster.StartAsync();
        using var watch = await cluster.WatchAsync("/api/v1/namespaces/kube-system/secrets?watch=true&allowWatchBookmarks=true");
        var created = await cluster.CreateAsync(ConfigMaps, """{"metadata":{"name":"elsewhere"}}""");
        var (type, mark) = (await watch.NextAsync())!.Value;
        Assert.Equal("BOOKMARK", type);
        Assert.True(long.Parse((string)mark["metadata"]!["resourceVersion"]!) >= long.Parse((string)created["metadata"]!["resourceVersion"]!));
    }

    [Fact]
    public async Task A_watch_ends_after_its_timeout()
    {
        await using var cluster = await TestCluster.StartAsync();
        using var watch = await cluster.WatchAsync("/api/v1/secrets?watch=true&timeoutSeconds=1");
        Assert.Null(await watch.NextAsync());
    }

    [Fact]
    public async Task A_watch_sends_tables_to_those_who_ask()
    {
        await using var cluster = await TestCluster.StartAsync();
        using var watch = await cluster.WatchAsync("/api/v1/namespaces?watch=true", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
        var (type, table) = (await watch.NextAsync())!.Value;
        Assert.Equal("ADDED", type);
        Assert.Equal("Table", (string?)table["kind"]);
        Assert.Equal("Active", (string?)table["rows"]![0]!["cells"]![1]);
    }
}
