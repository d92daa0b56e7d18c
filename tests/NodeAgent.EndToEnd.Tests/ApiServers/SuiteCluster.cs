using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Agent;
using NodeAgent.Controller;
using NodeAgent.DevCluster;
using NodeAgent.EndToEnd.Tests.Processes;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Kubernetes.Yaml;

namespace NodeAgent.EndToEnd.Tests.ApiServers;

/// <summary>
/// A cluster with one node on which NodeAgent is installed as users install it; controller and agent work in this process with the
/// rights of their service accounts, and the command line is the real executable. What serves the API is the only difference.
/// </summary>
internal abstract class SuiteCluster : IAsyncDisposable
{
    public const string System = "velero";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    private readonly DirectoryInfo _directory;
    private readonly List<(Task Server, CancellationTokenSource Stop)> _servers = [];
    private readonly ConcurrentDictionary<string, ResourceKind> _kinds = new();

    protected SuiteCluster(DirectoryInfo directory, string kubeconfig)
    {
        _directory = directory;
        Kubeconfig = kubeconfig;
        Api = new ApiClient(ClusterConfig.FromKubeconfig(kubeconfig, null));
        Location = directory.CreateSubdirectory("location").FullName;
    }

    /// <summary>An administrator's.</summary>
    public string Kubeconfig { get; }

    /// <inheritdoc cref="Kubeconfig"/>
    public ApiClient Api { get; }

    /// <summary>The directory of the location that <see cref="AddLocationAsync"/> adds.</summary>
    public string Location { get; }

    /// <summary>All commands that were run in containers.</summary>
    public ConcurrentQueue<PodExecRequest> Commands { get; } = [];

    /// <summary>How a command in a container ends.</summary>
    public Func<PodExecRequest, PodExecResult> Exec { get; set; } = _ => new PodExecResult(0);

    public abstract string Node { get; }

    /// <summary>Told apart from what other tests leave in the same cluster.</summary>
    protected string Id { get; } = Guid.NewGuid().ToString("N")[..8];

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    protected string Scratch => _directory.FullName;

    protected abstract string PodsDirectory { get; }

    /// <summary>A new cluster, or the real one with nothing of other tests in it. Skips the test when there is no real one.</summary>
    /// <param name="servers">False leaves controller and agent to the test.</param>
    public static async Task<SuiteCluster> StartAsync(ApiServerKind server, Func<ControllerOptions, ControllerOptions>? configure = null, bool servers = true)
    {
        SuiteCluster cluster = server == ApiServerKind.Embedded ? await EmbeddedSuiteCluster.StartAsync() : await RealSuiteCluster.StartAsync();
        try
        {
            if (servers)
            {
                await cluster.StartControllerAsync(configure);
                await cluster.StartAgentAsync();
                await cluster.AddLocationAsync(cluster.Location);
            }

            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>A name for a namespace or a cluster-wide object that no other test uses.</summary>
    public string Name(string name) => $"{name}-{Id}";

    /// <summary>How somebody who has the rights of a service account, one of the system's namespace where none is named, reaches the server.</summary>
    public abstract Task<ClusterConfig> ConfigOfAsync(string serviceAccount, string ns = System);

    /// <summary>Makes the server forget all changes but the last ones.</summary>
    public abstract Task CompactAsync();

    public async Task<IAsyncDisposable> StartControllerAsync(Func<ControllerOptions, ControllerOptions>? configure = null)
    {
        var options = new ControllerOptions
        {
            LeaderElection = false,
            ResyncPeriod = TimeSpan.FromSeconds(1),
            PollInterval = TimeSpan.FromMilliseconds(100),
            BackupSyncPeriod = TimeSpan.FromSeconds(1),
            PodScheduleInterval = TimeSpan.Zero,
            WorkDirectory = _directory.CreateSubdirectory("work").FullName,
        };
        var config = await ConfigOfAsync("velero");
        return Run(stop => new ControllerHost(configure is null ? options : configure(options), config, NullLoggerFactory.Instance, TimeProvider.System).RunAsync(stop));
    }

    public async Task<IAsyncDisposable> StartAgentAsync()
    {
        var options = new AgentOptions { NodeName = Node, HostPods = PodsDirectory, AcceptsPlainDirectories = true, HeartbeatInterval = TimeSpan.FromSeconds(2) };
        var config = await ConfigOfAsync("node-agent");
        return Run(stop => new AgentHost(options, config, NullLoggerFactory.Instance, null, TimeProvider.System).RunAsync(stop));
    }

    /// <summary>Adds the default location and waits until it is available.</summary>
    public async Task AddLocationAsync(string path)
    {
        await RunAsync("backup-location", "create", "default", "--provider", "filesystem", "--config", $"path={path}", "--default");
        await WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
    }

    /// <summary>Runs a command of the command line against this cluster and answers what it printed.</summary>
    public Task<string> RunAsync(params string[] arguments) => NodeAgentCommand.RunAsync([.. arguments, "--kubeconfig", Kubeconfig, "--namespace", System]);

    /// <summary>Runs a backup or restore to its end, which must be the given one.</summary>
    public async Task RunToEndAsync(string end, params string[] arguments)
    {
        var (kind, name) = (arguments[0], arguments[2]);
        await RunAsync(arguments);
        var resource = kind == "backup" ? VeleroResources.Backups : VeleroResources.Restores;
        var ended = await WaitForPhaseAsync(resource, name, BackupPhase.Completed, BackupPhase.PartiallyFailed, BackupPhase.Failed, BackupPhase.FailedValidation);
        Assert.True((string?)ended["status"]!["phase"] == end, $"{kind} {name} is not {end}: {await RunAsync(kind, "describe", name, "--details")}");
    }

    /// <summary>Creates the objects of YAML or JSON text, one after another.</summary>
    public async Task CreateAsync(string yaml)
    {
        foreach (var item in YamlJson.ParseAll(yaml).OfType<JsonObject>())
        {
            var obj = new KubernetesObject(item);
            await Api.CreateAsync(await KindOfAsync(obj), obj.Namespace, obj, Cancellation);
        }
    }

    public async Task<JsonObject?> FindAsync(ResourceKind kind, string? ns, string name) => (await Api.FindAsync(kind, ns, name, Cancellation))?.Json;

    public async Task<JsonObject> GetAsync(ResourceKind kind, string? ns, string name) => (await Api.GetAsync(kind, ns, name, Cancellation)).Json;

    public Task PatchAsync(ResourceKind kind, string? ns, string name, string patch) => Api.PatchAsync(kind, ns, name, (JsonObject)JsonNode.Parse(patch)!, KubernetesJsonContext.Default.KubernetesObject, null, Cancellation);

    public Task PatchStatusAsync(ResourceKind kind, string ns, string name, string status) => Api.PatchStatusAsync(kind, ns, name, (JsonObject)JsonNode.Parse(status)!, null, Cancellation);

    /// <summary>Deletes an object and waits until it is gone.</summary>
    public async Task DeleteAsync(ResourceKind kind, string? ns, string name)
    {
        await Api.DeleteAsync(kind, ns, name, new DeleteOptions(), Cancellation);
        await WaitAsync(kind, ns, name, "its end", o => o is null);
    }

    /// <summary>Waits until the object, or its absence, is as wanted.</summary>
    public async Task<JsonObject?> WaitAsync(ResourceKind kind, string? ns, string name, string what, Func<JsonObject?, bool> done)
    {
        var began = DateTime.UtcNow;
        while (true)
        {
            var item = await FindAsync(kind, ns, name);
            if (done(item)) return item;
            if (DateTime.UtcNow - began > Limit) Assert.Fail($"{kind.Plural} {name}: {what} did not come about in {Limit.TotalSeconds} s: {item?.ToJsonString() ?? "absent"}");
            await Task.Delay(100, Cancellation);
        }
    }

    public async Task<JsonObject> WaitForPhaseAsync(ResourceKind kind, string name, params string[] phases) =>
        (await WaitAsync(kind, System, name, string.Join(" or ", phases), o => phases.Contains((string?)o?["status"]?["phase"])))!;

    public async Task<JsonObject> WaitForPodAsync(string ns, string pod) => (await WaitAsync(KubernetesResources.Pods, ns, pod, "Running", p => (string?)p?["status"]?["phase"] == "Running"))!;

    /// <summary>The directory of a running pod's emptyDir on the node.</summary>
    public async Task<string> VolumeOfAsync(string ns, string pod, string volume) =>
        Path.Combine(PodsDirectory, (string)(await WaitForPodAsync(ns, pod))["metadata"]!["uid"]!, "volumes", "kubernetes.io~empty-dir", volume);

    public async ValueTask DisposeAsync()
    {
        foreach (var (server, stop) in _servers) await StopAsync(server, stop);
        await StopAsync();
        Api.Dispose();
        _directory.Delete(recursive: true);
    }

    protected abstract Task StopAsync();

    protected Task<PodExecResult> ExecAsync(PodExecRequest request, CancellationToken cancellation)
    {
        Commands.Enqueue(request);
        return Task.FromResult(Exec(request));
    }

    private static async Task StopAsync(Task server, CancellationTokenSource stop)
    {
        if (stop.IsCancellationRequested) return;
        await stop.CancelAsync();
        await server;
    }

    private Server Run(Func<CancellationToken, Task> run)
    {
        var stop = new CancellationTokenSource();
        var server = Task.Run(() => run(stop.Token), CancellationToken.None);
        _servers.Add((server, stop));
        return new Server(server, stop);
    }

    private async Task<ResourceKind> KindOfAsync(KubernetesObject obj)
    {
        var name = $"{obj.ApiVersion}/{obj.Kind}";
        for (var began = DateTime.UtcNow; !_kinds.ContainsKey(name);)
        {
            // A definition is served a moment after it was made.
            if ((await Api.Discovery.RefreshAsync(Cancellation)).FindKind(obj.ApiVersion, obj.Kind) is { } served) _kinds[name] = served.Kind;
            else Assert.True(DateTime.UtcNow - began < Limit, $"{name} is not served");
        }

        return _kinds[name];
    }

    /// <summary>A controller or an agent; disposing stops it as its signal would.</summary>
    private sealed class Server(Task server, CancellationTokenSource stop) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => new(SuiteCluster.StopAsync(server, stop));
    }
}
