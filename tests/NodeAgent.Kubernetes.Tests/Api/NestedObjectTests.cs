using System.Text.Json.Nodes;
using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Kubernetes.Tests.Api;

/// <summary>Objects of more levels than JSON usually has: API servers take ten thousand.</summary>
public sealed class NestedObjectTests
{
    private static readonly ResourceKind Pods = KubernetesResources.Pods;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(65)]
    [InlineData(500)]
    public async Task Deep_objects_are_read_and_written_as_they_are(int depth)
    {
        var deep = Nested("deep", depth);
        await using var server = await TestServer.StartAsync(TestServer.Json(deep), TestServer.Json(TestObjects.List(10, "", deep)), TestServer.Json(deep));
        using var client = server.Connect();
        var got = await client.GetAsync(Pods, "shop", "deep", Cancellation);
        Assert.Equal(depth, DepthOf(got.Json));
        await foreach (var listed in client.ListAsync(Pods, "shop", ListOptions.All, Cancellation)) Assert.Equal(depth, DepthOf(listed.Json));
        await client.CreateAsync(Pods, "shop", got, Cancellation);
        Assert.Equal(3, server.Requests.Count);
        Assert.Contains("{\"a\":{\"a\":", server.Requests.Last().Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_that_is_too_deep_is_named_and_its_neighbours_are_read()
    {
        await using var server = await TestServer.StartAsync(TestServer.Json(TestObjects.List(10, "", TestObjects.Pod("first", 1), Nested("deep", 9_000), TestObjects.Pod("last", 2))));
        using var client = server.Connect();
        var pages = new List<ObjectPage<KubernetesObject>>();
        await foreach (var page in client.ListPagesAsync(Pods, "shop", ListOptions.All, KubernetesJsonContext.Default.KubernetesObject, Cancellation)) pages.Add(page);
        var only = Assert.Single(pages);
        Assert.Equal(["first", "last"], only.Items.Select(i => i.Name));
        Assert.Equal("10", only.ResourceVersion);
        var malformed = Assert.Single(only.Malformed);
        Assert.Equal(("deep", "shop"), (malformed.Item.Name, malformed.Item.Namespace));
        Assert.Contains("depth", malformed.Problem, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', malformed.Problem);
    }

    [Fact]
    public async Task A_page_that_is_cut_short_is_still_an_error()
    {
        await using var server = await TestServer.StartAsync(TestServer.Json(TestObjects.List(10, "", TestObjects.Pod("first", 1))[..^3]));
        using var client = server.Connect();
        await Assert.ThrowsAsync<HttpRequestException>(async () =>
        {
            await foreach (var _ in client.ListAsync(Pods, "shop", ListOptions.All, Cancellation)) { }
        });
    }

    /// <summary>An object of so many levels.</summary>
    private static string Nested(string name, int depth) =>
        $$$"""{"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{{name}}}","namespace":"shop"},"a":{{{string.Concat(Enumerable.Repeat("{\"a\":", depth - 2))}}}{}{{{new string('}', depth - 2)}}}}""";

    private static int DepthOf(JsonObject item)
    {
        var depth = 1;
        for (var inner = item["a"]; inner is not null; inner = inner["a"]) depth++;
        return depth;
    }
}
