using System.Net;

namespace NodeAgent.DevCluster.Tests.Patching;

public sealed class PatchTests
{
    private const string Deployments = "/apis/apps/v1/namespaces/default/deployments";

    private const string Deployment = """
        {"metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},
        "spec":{"containers":[{"name":"one","image":"i:1","env":[{"name":"A","value":"1"},{"name":"B","value":"2"}]},{"name":"two","image":"j:1"}]}}}}
        """;

    [Fact]
    public async Task A_strategic_patch_merges_containers_and_env_by_name()
    {
        await using var cluster = await StartAsync();
        var (code, patched) = await cluster.PatchAsync(Deployments + "/d", """
            {"spec":{"template":{"spec":{"containers":[{"name":"one","env":[{"name":"B","value":"9"},{"name":"A","$patch":"delete"}]}]}}}}
            """, "strategic-merge-patch+json");
        Assert.Equal(HttpStatusCode.OK, code);
        var containers = patched["spec"]!["template"]!["spec"]!["containers"]!.AsArray();
        Assert.Equal(["one", "two"], containers.Select(c => (string?)c!["name"]));
        Assert.Equal("""[{"name":"B","value":"9"}]""", containers[0]!["env"]!.ToJsonString());
        Assert.Equal("i:1", (string?)containers[0]!["image"]);
    }

    [Fact]
    public async Task A_merge_patch_replaces_lists_and_removes_nulls()
    {
        await using var cluster = await StartAsync();
        var (_, patched) = await cluster.PatchAsync(Deployments + "/d", """{"metadata":{"labels":{"x":"y"}},"spec":{"template":{"spec":{"containers":[{"name":"three","image":"k"}]}}}}""");
        Assert.Single(patched["spec"]!["template"]!["spec"]!["containers"]!.AsArray());
        (_, patched) = await cluster.PatchAsync(Deployments + "/d", """{"metadata":{"labels":null}}""");
        Assert.Null(patched["metadata"]!["labels"]);
    }

    [Fact]
    public async Task A_json_patch_adds_removes_and_tests()
    {
        await using var cluster = await StartAsync();
        var (_, patched) = await cluster.PatchAsync(Deployments + "/d", """
            [{"op":"add","path":"/metadata/annotations","value":{"a/b":"1"}},{"op":"replace","path":"/metadata/annotations/a~1b","value":"2"},{"op":"remove","path":"/spec/template/spec/containers/1"}]
            """, "json-patch+json");
        Assert.Equal("2", (string?)patched["metadata"]!["annotations"]!["a/b"]);
        Assert.Single(patched["spec"]!["template"]!["spec"]!["containers"]!.AsArray());
        var (code, _) = await cluster.PatchAsync(Deployments + "/d", """[{"op":"test","path":"/metadata/name","value":"other"}]""", "json-patch+json");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, code);
    }

    private static async Task<TestCluster> StartAsync()
    {
        var cluster = await TestCluster.StartAsync(o => o with { RunNodes = false });
        await cluster.CreateAsync(Deployments, Deployment);
        return cluster;
    }
}
