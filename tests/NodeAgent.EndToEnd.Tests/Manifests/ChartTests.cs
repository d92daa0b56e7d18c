using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Kubernetes.Yaml;
using NodeAgent.Tests;

namespace NodeAgent.EndToEnd.Tests.Manifests;

/// <summary>The Helm chart: made from the manifests, and the same as they are when nothing is set.</summary>
public sealed class ChartTests
{
    private const string Switch = "NODEAGENT_WRITE_CHART";

    private static readonly string Daemonset = Path.Combine(Checkout.Root, "daemonset");
    private static readonly string Folder = Path.Combine(Daemonset, "chart");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void The_committed_chart_is_what_is_made_from_the_manifests()
    {
        var chart = Chart.Of(Daemonset);
        if (Environment.GetEnvironmentVariable(Switch) == "1") chart.WriteTo(Folder);
        foreach (var (path, text) in chart.Files)
            Assert.True(text == Chart.Committed(Folder, path), $"daemonset/chart/{path} is not what is made from daemonset/: run the test with {Switch}=1 and commit what it writes");
        var made = Directory.GetFiles(Path.Combine(Folder, "templates"), "*-*.yaml").Select(file => $"templates/{Path.GetFileName(file)}");
        Assert.Empty(made.Except(chart.Files.Keys));
    }

    [Fact]
    public async Task With_its_own_values_the_chart_makes_what_kubectl_applies()
    {
        ChartRenderer.SkipWithout();
        var rendered = (await ChartRenderer.RenderAsync("velero", [], Cancellation)).ToDictionary(Identity);
        var plain = PlainManifests().ToDictionary(Identity);
        Assert.NotEmpty(plain);
        Assert.Equal(plain.Keys.Order(StringComparer.Ordinal), rendered.Keys.Order(StringComparer.Ordinal));
        foreach (var (identity, manifest) in plain)
            Assert.True(JsonNode.DeepEquals(manifest, rendered[identity]), $"{identity}\nplain:    {manifest.ToJsonString()}\nrendered: {rendered[identity].ToJsonString()}");
    }

    [Fact]
    public async Task What_is_set_is_where_it_belongs()
    {
        ChartRenderer.SkipWithout();
        var values = YamlJson.Parse(
            """
            image: example/nodeagent@sha256:0123
            replicas: 1
            podAnnotations: {a: "1"}
            credentials: {secretContents: {cloud: "[default]\naws_access_key_id=<&>\n"}}
            configuration:
              extraArgs: [--restore-only]
              extraEnvVars: [{name: HTTPS_PROXY, value: "http://127.0.0.1:3128"}]
              backupStorageLocation: [{provider: aws, default: true, objectStorage: {bucket: b}}, {name: second, provider: filesystem, config: {path: /backups}}]
              volumeSnapshotLocation: [{name: ebs, provider: aws, config: {region: eu-west-1}}]
            nodeAgent: {podVolumePath: /data/kubelet/pods, resources: {limits: {memory: 1Gi}}, tolerations: [], extraVolumes: [{name: backups, emptyDir: {}}]}
            schedules: {nightly: {schedule: "0 1 * * *", template: {ttl: 72h0m0s}}}
            metrics: {serviceMonitor: {enabled: true, interval: 10s}, prometheusRule: {enabled: true}, dashboard: {enabled: true}}
            networkPolicy: {enabled: false}
            """)!.AsObject();
        var objects = (await ChartRenderer.RenderAsync("elsewhere", values, Cancellation)).ToDictionary(Identity);
        Assert.All(objects.Values.Where(o => o["metadata"]!["namespace"] is not null), o => Assert.Equal("elsewhere", o["metadata"]!["namespace"]!.GetValue<string>()));
        Assert.DoesNotContain(objects.Keys, key => key.StartsWith("NetworkPolicy/", StringComparison.Ordinal));
        Assert.Equal("elsewhere", objects["ClusterRoleBinding/nodeagent-agent"]["subjects"]![0]!["namespace"]!.GetValue<string>());

        var controller = objects["Deployment/velero"]["spec"]!;
        Assert.Equal(1L, controller["replicas"]!.GetValue<long>());
        Assert.Equal("1", controller["template"]!["metadata"]!["annotations"]!["a"]!.GetValue<string>());
        var server = controller["template"]!["spec"]!["containers"]![0]!;
        Assert.Equal("example/nodeagent@sha256:0123", server["image"]!.GetValue<string>());
        var arguments = server["args"]!.AsArray().Select(a => a!.GetValue<string>()).ToList();
        Assert.Contains("--restore-image=example/nodeagent@sha256:0123", arguments);
        Assert.Equal("--restore-only", arguments[^1]);
        Assert.Equal("http://127.0.0.1:3128", server["env"]!.AsArray().Single(e => e!["name"]!.GetValue<string>() == "HTTPS_PROXY")!["value"]!.GetValue<string>());

        var agent = objects["DaemonSet/node-agent"]["spec"]!["template"]!["spec"]!;
        Assert.Equal("example/nodeagent@sha256:0123", agent["containers"]![0]!["image"]!.GetValue<string>());
        Assert.Empty(agent["tolerations"]!.AsArray());
        Assert.Equal("1Gi", agent["containers"]![0]!["resources"]!["limits"]!["memory"]!.GetValue<string>());
        Assert.Equal("/data/kubelet/pods", agent["volumes"]!.AsArray().Single(v => v!["name"]!.GetValue<string>() == "host-pods")!["hostPath"]!["path"]!.GetValue<string>());
        Assert.Contains(agent["volumes"]!.AsArray(), v => v!["name"]!.GetValue<string>() == "backups");

        Assert.Equal("[default]\naws_access_key_id=<&>\n", objects["Secret/cloud-credentials"]["stringData"]!["cloud"]!.GetValue<string>());
        Assert.Equal("b", objects["BackupStorageLocation/default"]["spec"]!["objectStorage"]!["bucket"]!.GetValue<string>());
        Assert.Equal("/backups", objects["BackupStorageLocation/second"]["spec"]!["config"]!["path"]!.GetValue<string>());
        Assert.Null(objects["BackupStorageLocation/second"]["spec"]!["name"]);
        Assert.Equal("eu-west-1", objects["VolumeSnapshotLocation/ebs"]["spec"]!["config"]!["region"]!.GetValue<string>());
        Assert.Equal("0 1 * * *", objects["Schedule/nightly"]["spec"]!["schedule"]!.GetValue<string>());
        Assert.Equal("10s", objects["ServiceMonitor/nodeagent"]["spec"]!["endpoints"]![0]!["interval"]!.GetValue<string>());
        Assert.Contains("{{ $labels.schedule }}", objects["PrometheusRule/nodeagent"].ToJsonString(Unescaped), StringComparison.Ordinal);
        Assert.Equal("NodeAgent", JsonNode.Parse(objects["ConfigMap/nodeagent-dashboard"]["data"]!["dashboard.json"]!.GetValue<string>())!["title"]!.GetValue<string>());
    }

    [Fact]
    public void The_schema_has_a_type_for_every_value_and_takes_no_others()
    {
        var schema = JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, "values.schema.json")))!.AsObject();
        var values = YamlJson.Parse(File.ReadAllText(Path.Combine(Folder, "values.yaml")))!.AsObject();
        RequireTypes(schema, values, "");
    }

    private static readonly JsonSerializerOptions Unescaped = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static void RequireTypes(JsonObject schema, JsonObject values, string path)
    {
        if (schema["properties"] is not JsonObject properties) return;
        Assert.False(schema["additionalProperties"]!.GetValue<bool>(), $"{path} takes anything");
        foreach (var (name, value) in values)
        {
            Assert.True(properties[name] is JsonObject, $"{path}{name} is not in the schema");
            var kind = value!.GetValueKind() switch
            {
                JsonValueKind.Object => "object",
                JsonValueKind.Array => "array",
                JsonValueKind.String => "string",
                JsonValueKind.Number => "integer",
                _ => "boolean",
            };
            Assert.Equal($"{path}{name}: {kind}", $"{path}{name}: {properties[name]!["type"]!.GetValue<string>()}");
            if (value is JsonObject inner) RequireTypes(properties[name]!.AsObject(), inner, $"{path}{name}.");
        }
    }

    /// <summary>What kubectl applies, but for the namespace and the definitions, which Helm handles in ways of its own.</summary>
    private static IEnumerable<JsonObject> PlainManifests()
    {
        var list = YamlJson.Parse(File.ReadAllText(Path.Combine(Daemonset, "kustomization.yaml")))!["resources"]!.AsArray().Select(path => path!.GetValue<string>());
        return list.Where(path => path != "namespace.yaml" && !path.StartsWith("crds/", StringComparison.Ordinal)).Select(path => YamlJson.Parse(File.ReadAllText(Path.Combine(Daemonset, path)))!.AsObject());
    }

    private static string Identity(JsonObject manifest) => $"{manifest["kind"]!.GetValue<string>()}/{manifest["metadata"]!["name"]!.GetValue<string>()}";
}
