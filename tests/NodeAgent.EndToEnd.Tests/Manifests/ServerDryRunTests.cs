using System.Text.Json.Nodes;
using NodeAgent.EndToEnd.Tests.ApiServers;
using NodeAgent.EndToEnd.Tests.RealNode;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Yaml;
using NodeAgent.Tests;

namespace NodeAgent.EndToEnd.Tests.Manifests;

/// <summary>What a real API server says to the manifests and to what the chart makes: it checks them as if it took them (dry run).</summary>
public sealed class ServerDryRunTests
{
    private const string DryRun = "apply --server-side --dry-run=server --force-conflicts -f -";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_server_takes_the_manifests_as_they_are()
    {
        await using var cluster = await RealSuiteCluster.StartAsync();
        await using var operators = await MonitoringKinds.DefineAsync(cluster.Api);
        foreach (var folder in (string[])["daemonset", "daemonset/monitoring"])
        {
            var manifests = await ToolProcess.RunAsync("kubectl", ["kustomize", Path.Combine(Checkout.Root, folder)]);
            var answer = await ToolProcess.RunAsync("kubectl", ["--kubeconfig", cluster.Kubeconfig, .. DryRun.Split(' ')], manifests);
            Assert.Equal(Documents(manifests).Count(), answer.Split('\n').Count(line => line.EndsWith("serverside-applied (server dry run)", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public async Task The_server_takes_what_the_chart_makes()
    {
        ChartRenderer.SkipWithout();
        await using var cluster = await RealSuiteCluster.StartAsync();
        await using var operators = await MonitoringKinds.DefineAsync(cluster.Api);
        var everything = YamlJson.Parse(
            """
            credentials: {secretContents: {cloud: "[default]\naws_access_key_id=x\n"}}
            configuration:
              backupStorageLocation: [{provider: aws, default: true, objectStorage: {bucket: b}}]
              volumeSnapshotLocation: [{name: ebs, provider: aws, config: {region: eu-west-1}}]
            schedules: {nightly: {schedule: "0 1 * * *", template: {ttl: 72h0m0s}}}
            metrics: {serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}, dashboard: {enabled: true}}
            """)!.AsObject();
        foreach (var values in (JsonObject[])[[], everything])
        {
            var objects = await ChartRenderer.RenderAsync("velero", values, Cancellation);
            var list = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "List", ["items"] = new JsonArray([.. objects.Select(o => o.DeepClone())]) };
            var answer = await ToolProcess.RunAsync("kubectl", ["--kubeconfig", cluster.Kubeconfig, .. DryRun.Split(' ')], list.ToJsonString());
            Assert.Equal(objects.Count, answer.Split('\n').Count(line => line.EndsWith("serverside-applied (server dry run)", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public async Task A_field_that_does_not_exist_would_be_found()
    {
        await using var cluster = await RealSuiteCluster.StartAsync();
        var manifest = await File.ReadAllTextAsync(Path.Combine(Checkout.Root, "daemonset", "agent", "daemonset.yaml"), Cancellation);
        var wrong = manifest.Replace("mountPropagation:", "mountPropagations:", StringComparison.Ordinal);
        Assert.NotEqual(manifest, wrong);
        var (code, _, error) = await ToolProcess.TryRunAsync("kubectl", ["--kubeconfig", cluster.Kubeconfig, .. DryRun.Split(' ')], wrong);
        Assert.NotEqual(0, code);
        Assert.Contains("mountPropagations", error, StringComparison.Ordinal);
    }

    private static IEnumerable<JsonNode> Documents(string text) => text.Split("\n---\n").Select(YamlJson.Parse).OfType<JsonNode>();

    /// <summary>The kinds of the Prometheus operator, whose own definitions are not here: the server takes any content of them.</summary>
    private sealed class MonitoringKinds(ApiClient api) : IAsyncDisposable
    {
        private static readonly (string Plural, string Kind)[] Kinds = [("servicemonitors", "ServiceMonitor"), ("prometheusrules", "PrometheusRule")];

        public static async Task<MonitoringKinds> DefineAsync(ApiClient api)
        {
            foreach (var (plural, kind) in Kinds)
            {
                var definition = (JsonObject)JsonNode.Parse($$$"""
                    {"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"{{{plural}}}.monitoring.coreos.com"},
                     "spec":{"group":"monitoring.coreos.com","scope":"Namespaced","names":{"plural":"{{{plural}}}","singular":"{{{kind.ToLowerInvariant()}}}","kind":"{{{kind}}}","listKind":"{{{kind}}}List"},
                       "versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true} } }]} }
                    """)!;
                await api.CreateAsync(KubernetesResources.CustomResourceDefinitions, null, new KubernetesObject(definition), Cancellation);
            }

            var defined = new MonitoringKinds(api);
            var deadline = TimeProvider.System.GetUtcNow() + TimeSpan.FromSeconds(60);
            while (!await defined.AreServedAsync())
            {
                Assert.True(TimeProvider.System.GetUtcNow() < deadline, "the kinds of the Prometheus operator were not served after 60 s");
                await Task.Delay(200, Cancellation);
            }

            return defined;
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var (plural, _) in Kinds)
                await api.DeleteAsync(KubernetesResources.CustomResourceDefinitions, null, plural + ".monitoring.coreos.com", DeleteOptions.Default, CancellationToken.None);
        }

        private async Task<bool> AreServedAsync()
        {
            foreach (var (plural, kind) in Kinds)
            {
                try
                {
                    await api.ListAllAsync(new ResourceKind("monitoring.coreos.com", "v1", plural, kind), "velero", new ListOptions(), KubernetesJsonContext.Default.KubernetesObject, Cancellation);
                }
                catch (ApiException e) when (e.IsNotFound)
                {
                    return false;
                }
            }

            return true;
        }
    }
}
