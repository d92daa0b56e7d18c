using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Agent;
using NodeAgent.Controller;
using NodeAgent.DevCluster;
using NodeAgent.EndToEnd.Tests.Processes;
using NodeAgent.Hosting.Endpoints;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.S3;

/// <summary>A cluster with a controller, and an agent where volumes are wanted, in this process; the command line is the real executable.</summary>
internal sealed class S3Cluster : IAsyncDisposable
{
    public const string System = "velero";
    public const string Node = "node-1";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    private readonly string _directory;
    private readonly EmbeddedCluster _cluster;
    private readonly ApiClient _api;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _servers = [];

    private S3Cluster(string directory, EmbeddedCluster cluster) => (_directory, _cluster, _api) = (directory, cluster, new ApiClient(ClusterConfig.ForServer(cluster.Address)));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static Task<S3Cluster> StartAsync(bool withAgent, params string[] nodes) => StartAsync(withAgent, NullLoggerFactory.Instance, nodes);

    public static async Task<S3Cluster> StartAsync(bool withAgent, ILoggerFactory loggers, params string[] nodes)
    {
        if (nodes.Length == 0) nodes = [Node];
        var directory = Directory.CreateTempSubdirectory("s3-cluster-").FullName;
        var cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { Directory = Path.Combine(directory, "cluster"), Nodes = nodes }, Cancellation);
        cluster.Create($$"""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{System}}"} }""");
        var started = new S3Cluster(directory, cluster);
        var options = new ControllerOptions
        {
            LeaderElection = false,
            ResyncPeriod = TimeSpan.FromSeconds(1),
            PollInterval = TimeSpan.FromMilliseconds(50),
            WorkDirectory = Path.Combine(directory, "work"),
            DownloadAddress = new ListenAddress(IPAddress.Loopback, 0),
            DownloadUrl = new Uri($"http://velero.{System}.svc:8087"),
        };
        var controller = new ControllerHost(options, ClusterConfig.ForServer(cluster.Address), loggers, TimeProvider.System);
        started._servers.Add(controller.RunAsync(started._stop.Token));
        while (controller.DownloadsAt is null) await Task.Delay(10, Cancellation);
        cluster.Create($$"""
            {apiVersion: v1, kind: Service, metadata: {name: velero, namespace: {{System}} }, spec: {ports: [{name: downloads, port: 8087}]} }
            ---
            {apiVersion: v1, kind: Endpoints, metadata: {name: velero, namespace: {{System}} }, subsets: [{addresses: [{ip: 127.0.0.1}], ports: [{name: downloads, port: {{controller.DownloadsAt.Port}} }]}] }
            """);
        if (withAgent)
        {
            foreach (var node in nodes)
            {
                var agent = new AgentOptions { NodeName = node, HostPods = cluster.KubeletPodsDirectory(node), AcceptsPlainDirectories = true };
                started._servers.Add(new AgentHost(agent, ClusterConfig.ForServer(cluster.Address), loggers, null, TimeProvider.System).RunAsync(started._stop.Token));
            }
        }

        return started;
    }

    public void Create(string yaml) => _cluster.Create(yaml);

    public void CreateSecret(string name, string key, string value) => CreateSecret(name, new JsonObject { [key] = Convert.ToBase64String(Encoding.UTF8.GetBytes(value)) });

    public void CreateSecret(string name, JsonNode data) =>
        Create(new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Secret", ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = System }, ["data"] = data.DeepClone() }.ToJsonString());

    /// <summary>Runs a command of the command line against this cluster and answers what it printed.</summary>
    public Task<string> RunAsync(params string[] arguments) => NodeAgentCommand.RunAsync([.. arguments, "--kubeconfig", _cluster.KubeconfigPath, "--namespace", System]);

    public async Task<JsonObject?> FindAsync(ResourceKind kind, string ns, string name) => (await _api.FindAsync(kind, ns, name, Cancellation))?.Json;

    /// <summary>All objects of a kind.</summary>
    public async Task<IReadOnlyList<JsonObject>> ListAsync(ResourceKind kind) => [.. (await _api.ListAsync(kind, null, new ListOptions(), Cancellation).ToListAsync(Cancellation)).Select(o => o.Json)];

    public Task PatchAsync(ResourceKind kind, string name, string patch) => _api.PatchAsync(kind, System, name, (JsonObject)JsonNode.Parse(patch)!, KubernetesJsonContext.Default.KubernetesObject, null, Cancellation);

    public Task PatchStatusAsync(ResourceKind kind, string name, string status) => _api.PatchStatusAsync(kind, System, name, (JsonObject)JsonNode.Parse(status)!, null, Cancellation);

    /// <summary>Waits until the object, or its absence, is as wanted.</summary>
    public async Task<JsonObject?> WaitAsync(ResourceKind kind, string name, string what, Func<JsonObject?, bool> done, string ns = System)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (true)
        {
            var item = await FindAsync(kind, ns, name);
            if (done(item)) return item;
            if (limit.IsCancellationRequested) Assert.Fail($"{kind.Plural} {name}: {what} did not come about in {Limit.TotalSeconds} s: {item?["status"]?.ToJsonString() ?? "absent"}");
            await Task.Delay(50, Cancellation);
        }
    }

    public Task<JsonObject?> WaitForPhaseAsync(ResourceKind kind, string name, string phase) => WaitAsync(kind, name, phase, o => (string?)o?["status"]?["phase"] == phase);

    /// <summary>The directory of a running pod's volume on its node: of its persistent volume when it has one, else the emptyDir.</summary>
    public async Task<string> AnyVolumeOfAsync(string ns, string pod)
    {
        var running = await WaitAsync(KubernetesResources.Pods, pod, "Running", p => (string?)p?["status"]?["phase"] == "Running", ns);
        var volumes = Path.Combine(_cluster.KubeletPodsDirectory((string)running!["spec"]!["nodeName"]!), (string)running["metadata"]!["uid"]!, "volumes");
        var claimed = Directory.EnumerateDirectories(volumes).FirstOrDefault(d => Path.GetFileName(d) is "kubernetes.io~csi" or "kubernetes.io~local-volume");
        if (claimed is null) return Directory.EnumerateDirectories(Path.Combine(volumes, "kubernetes.io~empty-dir")).Single(d => Path.GetFileName(d) != VeleroLabels.RestoreMarksVolume);
        var volume = Directory.EnumerateDirectories(claimed).Single();
        return claimed.EndsWith("csi", StringComparison.Ordinal) ? Path.Combine(volume, "mount") : volume;
    }

    /// <summary>The directory of a running pod's volume of type emptyDir.</summary>
    public async Task<string> VolumeOfAsync(string ns, string pod, string volume)
    {
        var running = await WaitAsync(KubernetesResources.Pods, pod, "Running", p => (string?)p?["status"]?["phase"] == "Running", ns);
        return Path.Combine(_cluster.KubeletPodsDirectory(Node), (string)running!["metadata"]!["uid"]!, "volumes", "kubernetes.io~empty-dir", volume);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_servers);
        _api.Dispose();
        await _cluster.DisposeAsync();
        _stop.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}
