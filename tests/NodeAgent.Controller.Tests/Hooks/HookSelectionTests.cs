using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Hooks;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Hooks;

/// <summary>Which hooks a pod has, case by case. Commands are written with a bar between their words.</summary>
public sealed class HookSelectionTests
{
    private const string Hooks = """
        {"resources":[
          {"name":"first","includedNamespaces":["shop"],"pre":[{"exec":{"command":["a"]}},{"exec":{"container":"side","command":["b","c"],"onError":"Continue","timeout":"5s"}}],"post":[{"exec":{"command":["z"]}}]},
          {"name":"second","excludedNamespaces":["lab"],"labelSelector":{"matchLabels":{"app":"db"}},"pre":[{"exec":{"command":["d"]}},{"exec":{"command":[]}},{}]}]}
        """;

    [Theory]
    [InlineData("{}", "")]
    [InlineData("""{"pre.hook.backup.velero.io/command":""}""", "")]
    [InlineData("""{"pre.hook.backup.velero.io/container":"side"}""", "")]
    [InlineData("""{"pre.hook.backup.velero.io/command":"/bin/freeze now"}""", "db: /bin/freeze now, 30 s, Fail")]
    [InlineData("""{"pre.hook.backup.velero.io/command":"[\"a\",\"b c\"]"}""", "db: a|b c, 30 s, Fail")]
    [InlineData("""{"pre.hook.backup.velero.io/command":"[\"a\",\"b"}""", "db: [\"a\",\"b, 30 s, Fail")]
    [InlineData("""{"pre.hook.backup.velero.io/command":"x","pre.hook.backup.velero.io/container":"side"}""", "side: x, 30 s, Fail")]
    [InlineData("""{"pre.hook.backup.velero.io/command":"x","pre.hook.backup.velero.io/on-error":"Continue"}""", "db: x, 30 s, Continue")]
    [InlineData("""{"pre.hook.backup.velero.io/command":"x","pre.hook.backup.velero.io/on-error":"Fail","pre.hook.backup.velero.io/timeout":"2m30s"}""", "db: x, 150 s, Fail")]
    // The form without a phase counts as that before, and only where there is no other.
    [InlineData("""{"hook.backup.velero.io/command":"old","hook.backup.velero.io/container":"side","hook.backup.velero.io/timeout":"1s"}""", "side: old, 1 s, Fail")]
    [InlineData("""{"hook.backup.velero.io/command":"old","pre.hook.backup.velero.io/command":"new"}""", "db: new, 30 s, Fail")]
    [InlineData("""{"hook.backup.velero.io/command":"old","pre.hook.backup.velero.io/timeout":"9s"}""", "db: old, 30 s, Fail")]
    public void An_annotation_describes_the_hook_before(string annotations, string expected) => Assert.Equal(expected, Text(HookSelection.Before(Pod(annotations), null)));

    [Theory]
    [InlineData("""{"post.hook.backup.velero.io/command":"x","post.hook.backup.velero.io/on-error":"Continue","post.hook.backup.velero.io/timeout":"1h"}""", "db: x, 3600 s, Continue")]
    [InlineData("""{"hook.backup.velero.io/command":"x","pre.hook.backup.velero.io/command":"y"}""", "")]
    public void An_annotation_describes_the_hook_after(string annotations, string expected) => Assert.Equal(expected, Text(HookSelection.After(Pod(annotations), null)));

    [Theory]
    [InlineData("timeout", "soon", "annotation pre.hook.backup.velero.io/timeout is \"soon\", no duration such as 30s or 2m; 30s is used")]
    [InlineData("timeout", "10", "annotation pre.hook.backup.velero.io/timeout is \"10\", no duration such as 30s or 2m; 30s is used")]
    [InlineData("on-error", "continue", "annotation pre.hook.backup.velero.io/on-error is \"continue\", neither Fail nor Continue; Fail is used")]
    [InlineData("timeout", "0s", null)]
    public void A_value_that_cannot_be_meant_is_noted_and_the_usual_one_used(string name, string value, string? mistake)
    {
        var hook = Assert.Single(HookSelection.Before(Pod($$"""{"pre.hook.backup.velero.io/command":"x","pre.hook.backup.velero.io/{{name}}":"{{value}}"}"""), null));
        Assert.Equal((TimeSpan.FromSeconds(30), true, mistake), (hook.Timeout, hook.FailsPod, hook.Mistake));
    }

    [Fact]
    public void A_hook_of_an_annotation_takes_four_hours_at_most()
    {
        var hook = Assert.Single(HookSelection.Before(Pod("""{"pre.hook.backup.velero.io/command":"x","pre.hook.backup.velero.io/timeout":"100000h"}"""), null));

        Assert.Equal(TimeSpan.FromHours(4), hook.Timeout);
        Assert.Equal("annotation pre.hook.backup.velero.io/timeout is \"100000h\", longer than an annotation may ask for (a Backup's or Restore's spec.hooks may); 4h0m0s is used", hook.Mistake);
    }

    [Theory]
    [InlineData("shop", "web", "db: a, 30 s, Fail; side: b|c, 5 s, Continue")]
    [InlineData("shop", "db", "db: a, 30 s, Fail; side: b|c, 5 s, Continue; db: d, 30 s, Fail")]
    [InlineData("store", "db", "db: d, 30 s, Fail")]
    [InlineData("lab", "db", "")]
    [InlineData("store", "web", "")]
    public void Without_annotations_all_hooks_of_the_backup_that_match_run_in_their_order(string ns, string app, string expected) =>
        Assert.Equal(expected, Text(HookSelection.Before(Pod("{}", ns, app), Read())));

    [Fact]
    public void An_annotation_replaces_the_hooks_of_the_backup_in_its_phase_alone()
    {
        var pod = Pod("""{"pre.hook.backup.velero.io/command":"own"}""");
        Assert.Equal("db: own, 30 s, Fail", Text(HookSelection.Before(pod, Read())));
        Assert.Equal("db: z, 30 s, Fail", Text(HookSelection.After(pod, Read())));
    }

    [Theory]
    [InlineData(null, null, null, null, null, true)]
    [InlineData("shop,store", null, null, null, null, true)]
    [InlineData("store", null, null, null, null, false)]
    [InlineData("sh*", null, null, null, null, true)]
    [InlineData(null, "shop", null, null, null, false)]
    [InlineData("*", "store", null, null, null, true)]
    [InlineData(null, null, "pods", null, null, true)]
    [InlineData(null, null, "Pod,jobs", null, null, true)]
    [InlineData(null, null, "po", null, null, true)]
    [InlineData(null, null, "jobs", null, null, false)]
    [InlineData(null, null, null, "pods", null, false)]
    [InlineData(null, null, null, null, """{"matchLabels":{"app":"db"}}""", true)]
    [InlineData(null, null, null, null, """{"matchLabels":{"app":"web"}}""", false)]
    [InlineData(null, null, null, null, """{"matchExpressions":[{"key":"app","operator":"DoesNotExist"}]}""", false)]
    public void A_hook_is_for_the_pods_that_all_its_filters_admit(string? namespaces, string? notNamespaces, string? resources, string? notResources, string? labels, bool applies)
    {
        var selector = labels is null ? null : JsonSerializer.Deserialize(labels, VeleroJsonContext.Default.LabelSelector);
        Assert.Equal(applies, HookSelection.Applies(Pod("{}"), "shop", selector, (namespaces?.Split(','), notNamespaces?.Split(',')), (resources?.Split(','), notResources?.Split(','))));
    }

    private static BackupHooks Read() => JsonSerializer.Deserialize($$"""{"spec":{"hooks":{{Hooks}} } }""", VeleroJsonContext.Default.Backup)!.Spec.Hooks!;

    private static string Text(IReadOnlyList<PodHook> hooks) =>
        string.Join("; ", hooks.Select(h => $"{h.Container}: {string.Join('|', h.Command)}, {h.Timeout.TotalSeconds} s, {(h.FailsPod ? "Fail" : "Continue")}"));

    private static JsonObject Pod(string annotations, string ns = "shop", string app = "db") => (JsonObject)JsonNode.Parse($$"""
        {"metadata":{"name":"p","namespace":"{{ns}}","labels":{"app":"{{app}}"},"annotations":{{annotations}}},"spec":{"containers":[{"name":"db"},{"name":"side"}]} }
        """)!;
}
