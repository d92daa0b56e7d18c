using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Hooks;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Hooks;

/// <summary>Which containers and commands a restored pod gets, case by case.</summary>
public sealed class RestoreHookSelectionTests
{
    private const string Hooks = """
        {"resources":[
          {"name":"first","includedNamespaces":["shop"],"postHooks":[
            {"init":{"initContainers":[{"name":"i1","image":"x","command":["c"],"volumeMounts":[{"name":"d","mountPath":"/d"}]},{"name":"i2","image":"y","command":["e"]}]}},
            {"exec":{"command":["a"]}},
            {"exec":{"container":"side","command":["b","c"],"onError":"Fail","execTimeout":"5s","waitTimeout":"2m","waitForReady":true}}]},
          {"name":"second","labelSelector":{"matchLabels":{"app":"db"}},"postHooks":[{"exec":{"command":["d"]}},{"init":{"initContainers":[{"name":"i3","image":"z","command":["f"]}]}}]},
          {"name":"nothing","postHooks":[{},{"init":{}},{"exec":{}}]}]}
        """;

    [Theory]
    [InlineData("""{"other":"x"}""", "")]
    [InlineData("""{"post.hook.restore.velero.io/command":""}""", "")]
    [InlineData("""{"post.hook.restore.velero.io/command":"/usr/bin/load"}""", "db: /usr/bin/load, 30 s, Continue, up in 600 s")]
    [InlineData("""{"post.hook.restore.velero.io/command":"[\"a\",\"b\",\"c\"]"}""", "db: a|b|c, 30 s, Continue, up in 600 s")]
    [InlineData("""{"post.hook.restore.velero.io/command":"x","post.hook.restore.velero.io/on-error":"Continue"}""", "db: x, 30 s, Continue, up in 600 s")]
    [InlineData("""{"post.hook.restore.velero.io/command":"x","post.hook.restore.velero.io/on-error":"Fail"}""", "db: x, 30 s, Fail, up in 600 s")]
    [InlineData("""{"post.hook.restore.velero.io/command":"x","post.hook.restore.velero.io/exec-timeout":"45s","post.hook.restore.velero.io/wait-timeout":"1h"}""", "db: x, 45 s, Continue, up in 3600 s")]
    [InlineData("""{"post.hook.restore.velero.io/command":"x","post.hook.restore.velero.io/container":"side"}""", "side: x, 30 s, Continue, up in 600 s")]
    [InlineData("""{"post.hook.restore.velero.io/command":"x","post.hook.restore.velero.io/wait-for-ready":"true"}""", "db: x, 30 s, Continue, ready in 600 s")]
    [InlineData("""{"post.hook.restore.velero.io/command":"x","post.hook.restore.velero.io/wait-for-ready":"1"}""", "db: x, 30 s, Continue, ready in 600 s")]
    [InlineData("""{"post.hook.restore.velero.io/command":"x","post.hook.restore.velero.io/wait-for-ready":"F"}""", "db: x, 30 s, Continue, up in 600 s")]
    public void An_annotation_describes_the_command(string annotations, string expected) => Assert.Equal(expected, Text(Commands(annotations)));

    [Theory]
    [InlineData("exec-timeout", "none", "is \"none\", no duration such as 30s or 2m; 30s is used")]
    [InlineData("wait-timeout", "none", "is \"none\", no duration such as 30s or 2m; 10m0s is used")]
    [InlineData("wait-for-ready", "yes", "is \"yes\", neither true nor false; false is used")]
    [InlineData("on-error", "Stop", "is \"Stop\", neither Fail nor Continue; Continue is used")]
    public void A_value_that_cannot_be_meant_is_noted_and_the_usual_one_used(string name, string value, string mistake)
    {
        var hook = Assert.Single(Commands($$"""{"post.hook.restore.velero.io/command":"x","post.hook.restore.velero.io/{{name}}":"{{value}}"}"""));
        Assert.Equal("db: x, 30 s, Continue, up in 600 s", Text([hook]));
        Assert.Equal($"annotation post.hook.restore.velero.io/{name} {mistake}", hook.Hook.Mistake);
    }

    [Theory]
    [InlineData("shop", "web", "db: a, 30 s, Continue, up in 600 s; side: b|c, 5 s, Fail, ready in 120 s")]
    [InlineData("shop", "db", "db: a, 30 s, Continue, up in 600 s; side: b|c, 5 s, Fail, ready in 120 s; db: d, 30 s, Continue, up in 600 s")]
    [InlineData("store", "db", "db: d, 30 s, Continue, up in 600 s")]
    [InlineData("store", "web", "")]
    public void Without_an_annotation_the_restores_commands_that_match_run_in_their_order(string ns, string app, string expected) => Assert.Equal(expected, Text(Commands("{}", ns, app)));

    [Fact]
    public void An_annotation_replaces_the_restores_commands_and_leaves_its_init_containers()
    {
        const string Own = """{"post.hook.restore.velero.io/command":"own"}""";
        Assert.Equal("db: own, 30 s, Continue, up in 600 s", Text(Commands(Own)));
        Assert.Equal("i1 i2 i3", Names(Own));
    }

    [Theory]
    [InlineData("{}", "shop", "web", "i1 i2")]
    [InlineData("{}", "shop", "db", "i1 i2 i3")]
    [InlineData("{}", "store", "db", "i3")]
    [InlineData("{}", "store", "web", "")]
    // Without an image the annotations describe nothing.
    [InlineData("""{"init.hook.restore.velero.io/container-name":"own","init.hook.restore.velero.io/command":"x"}""", "shop", "db", "i1 i2 i3")]
    [InlineData("""{"init.hook.restore.velero.io/container-image":"","init.hook.restore.velero.io/container-name":"own"}""", "store", "db", "i3")]
    [InlineData("""{"init.hook.restore.velero.io/container-image":"tools","init.hook.restore.velero.io/container-name":"own"}""", "shop", "db", "own")]
    public void Init_containers_come_from_the_annotations_or_from_the_restore(string annotations, string ns, string app, string expected) => Assert.Equal(expected, Names(annotations, ns, app));

    [Theory]
    [InlineData("/bin/prepare all", """["/bin/prepare all"]""")]
    [InlineData("[\\\"a\\\",\\\"b c\\\"]", """["a","b c"]""")]
    [InlineData("[\\\"a", "[\"[\\\"a\"]")]
    [InlineData("", null)]
    public void The_command_of_an_init_container_may_be_left_to_its_image(string command, string? expected)
    {
        var container = Assert.Single(RestoreHookSelection.InitContainers(
            Pod($$"""{"init.hook.restore.velero.io/container-image":"tools","init.hook.restore.velero.io/command":"{{command}}"}"""), "shop", null));
        Assert.Equal("tools", container.Text("image"));
        Assert.Matches("^velero-restore-init-[0-9a-f]{8}$", container.Text("name"));
        if (expected is null) Assert.Null(container["command"]);
        else Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), container["command"]), container.ToJsonString());
    }

    [Fact]
    public void An_init_container_of_the_restore_comes_with_all_its_fields() =>
        Assert.Equal("""[{"name":"d","mountPath":"/d"}]""", RestoreHookSelection.InitContainers(Pod("{}"), "shop", Read())[0]["volumeMounts"]!.ToJsonString());

    private static IReadOnlyList<RestoreHook> Commands(string annotations, string ns = "shop", string app = "db") => RestoreHookSelection.Commands(Pod(annotations, ns, app), Read(annotations), TimeSpan.FromMinutes(10));

    private static string Names(string annotations, string ns = "shop", string app = "db") => string.Join(' ', RestoreHookSelection.InitContainers(Pod(annotations, ns, app), ns, Read()).Select(c => c.Text("name")));

    /// <summary>The hooks of the restore; none for cases about annotations, so that what is seen comes from them.</summary>
    private static RestoreHooks? Read(string annotations) => annotations == "{}" || annotations.Contains("own", StringComparison.Ordinal) ? Read() : null;

    private static RestoreHooks Read() => JsonSerializer.Deserialize($$"""{"spec":{"hooks":{{Hooks}} } }""", VeleroJsonContext.Default.Restore)!.Spec.Hooks!;

    private static string Text(IReadOnlyList<RestoreHook> hooks) => string.Join("; ", hooks.Select(h =>
        $"{h.Hook.Container}: {string.Join('|', h.Hook.Command)}, {h.Hook.Timeout.TotalSeconds} s, {(h.Hook.FailsPod ? "Fail" : "Continue")}, {(h.UntilReady ? "ready" : "up")} in {h.Wait.TotalSeconds} s"));

    private static JsonObject Pod(string annotations, string ns = "shop", string app = "db") => (JsonObject)JsonNode.Parse($$"""
        {"metadata":{"name":"p","namespace":"{{ns}}","labels":{"app":"{{app}}"},"annotations":{{annotations}}},"spec":{"containers":[{"name":"db"},{"name":"side"}]} }
        """)!;
}
