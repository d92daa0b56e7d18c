using System.Net.Http.Json;
using System.Text.Json.Nodes;
using NodeAgent.EndToEnd.Tests.Processes;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Kubernetes.Yaml;

namespace NodeAgent.EndToEnd.Tests.ApiServers;

/// <summary>
/// The real API server, with a node that stands in for a kubelet. Tests take turns: there is one NodeAgent in it. Controller and agent
/// have tokens of their service accounts, so that their rights are checked.
/// </summary>
internal sealed class RealSuiteCluster : SuiteCluster
{
    private const string HowToGetIt = "no kube-apiserver: eval \"$(tests/services/kubernetes up --controllers --tests)\" starts one (docs/testing.md)";

    private static readonly SemaphoreSlim Turn = new(1);
    private static bool _isInstalled;

    private StandInNode? _node;

    private RealSuiteCluster(DirectoryInfo directory, string kubeconfig)
        : base(directory, kubeconfig)
    {
    }

    public override string Node => Name("node");

    protected override string PodsDirectory => Path.Combine(Scratch, "pods");

    /// <summary>One of the variables that the service's script prints.</summary>
    public static string Get(string name)
    {
        var value = Environment.GetEnvironmentVariable("NODEAGENT_TEST_KUBERNETES_" + name);
        Assert.SkipUnless(value is { Length: > 0 }, HowToGetIt);
        return value!;
    }

    public static async Task<RealSuiteCluster> StartAsync()
    {
        var kubeconfig = Get("KUBECONFIG");
        Assert.SkipUnless(Get("CONTROLLERS") == "yes", HowToGetIt);
        await Turn.WaitAsync(Cancellation);
        var cluster = new RealSuiteCluster(Directory.CreateTempSubdirectory("suite-real-"), kubeconfig);
        try
        {
            if (!_isInstalled) await NodeAgentCommand.RunAsync("install", "--provider", "filesystem", "--no-default-backup-location", "--no-secret", "--apply", "--kubeconfig", kubeconfig);
            _isInstalled = true;
            await cluster.ClearAsync();
            cluster._node = await StandInNode.StartAsync(cluster.Api, cluster.Node, cluster.PodsDirectory, cluster.ExecAsync, Cancellation);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    public override async Task<ClusterConfig> ConfigOfAsync(string serviceAccount, string ns = System)
    {
        var request = new KubernetesObject((JsonObject)JsonNode.Parse("""{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":3600}}""")!);
        // A subresource that is created and never read, hence no path of its own in the client.
        var tokens = new ResourceKind("", "v1", $"serviceaccounts/{serviceAccount}/token", "TokenRequest");
        var token = (string)(await Api.CreateAsync(tokens, ns, request, Cancellation)).Json["status"]!["token"]!;
        var config = (JsonObject)YamlJson.Parse(await File.ReadAllTextAsync(Kubeconfig, Cancellation))!;
        config["users"]![0]!["user"] = new JsonObject { ["token"] = token };
        var path = Path.Combine(Scratch, $"{ns}-{serviceAccount}.kubeconfig");
        await File.WriteAllTextAsync(path, config.ToJsonString(), Cancellation);
        return ClusterConfig.FromKubeconfig(path, null);
    }

    public override async Task CompactAsync()
    {
        using var etcd = new HttpClient { BaseAddress = new Uri(Get("ETCD")) };
        // Any answer tells the newest revision.
        using var range = await etcd.PostAsJsonAsync("v3/kv/range", new { key = Convert.ToBase64String("x"u8) }, Cancellation);
        var revision = (string)(await range.Content.ReadFromJsonAsync<JsonNode>(Cancellation))!["header"]!["revision"]!;
        using var compacted = await etcd.PostAsJsonAsync("v3/kv/compaction", new { revision, physical = true }, Cancellation);
        Assert.True(compacted.IsSuccessStatusCode, await compacted.Content.ReadAsStringAsync(Cancellation));
    }

    protected override async Task StopAsync()
    {
        try
        {
            // What a test leaves goes in its own time; the next one uses other names.
            await foreach (var ns in Api.ListAsync(KubernetesResources.Namespaces, null, new ListOptions(), CancellationToken.None))
                if (ns.Name.EndsWith("-" + Id, StringComparison.Ordinal)) await Api.DeleteAsync(KubernetesResources.Namespaces, null, ns.Name, new DeleteOptions(), CancellationToken.None);
            if (_node is not null) await _node.DisposeAsync();
        }
        finally
        {
            Turn.Release();
        }
    }

    /// <summary>Removes what an earlier test left in the system's namespace.</summary>
    private async Task ClearAsync()
    {
        foreach (var kind in VeleroResources.All)
        {
            await foreach (var left in Api.ListAsync(kind, System, new ListOptions(), Cancellation))
            {
                // Its controller is gone, so nobody else would.
                if (left.Finalizers.Count > 0) await PatchAsync(kind, System, left.Name, """{"metadata":{"finalizers":null}}""");
                await Api.DeleteAsync(kind, System, left.Name, new DeleteOptions(), Cancellation);
            }
        }

        foreach (var kind in new[] { KubernetesResources.Leases, KubernetesResources.ConfigMaps })
        {
            await foreach (var left in Api.ListAsync(kind, System, new ListOptions(), Cancellation))
                if (left.Name != "kube-root-ca.crt") await Api.DeleteAsync(kind, System, left.Name, new DeleteOptions(), Cancellation);
        }

        await Api.DeleteAsync(KubernetesResources.Secrets, System, "velero-repo-credentials", new DeleteOptions(), Cancellation);
    }
}
