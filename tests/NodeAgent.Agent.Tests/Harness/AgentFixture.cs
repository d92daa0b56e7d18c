using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.DevCluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Repository;
using NodeAgent.Repository.Crypto;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Agent.Tests.Harness;

/// <summary>A cluster of one node with a location, and an agent on that node that talks to it over HTTP.</summary>
internal sealed class AgentFixture : IAsyncDisposable
{
    public const string System = "velero";
    public const string Shop = "shop";
    public const string Node = "node-1";

    private readonly string _directory;
    private CancellationTokenSource? _stop;
    private Task _agent = Task.CompletedTask;

    private AgentFixture(EmbeddedCluster cluster, string directory)
    {
        Cluster = cluster;
        _directory = directory;
        Client = new ApiClient(ClusterConfig.ForServer(cluster.Address));
    }

    public EmbeddedCluster Cluster { get; }

    public ApiClient Client { get; }

    public string Location => Path.Combine(_directory, "location");

    /// <summary>Read by the agent in place of the control groups of this machine; without a limit as long as no test writes one.</summary>
    public string ControlGroups => Path.Combine(_directory, "cgroup");

    public string Outside => Path.Combine(_directory, "outside");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<AgentFixture> StartAsync(bool startAgent = true)
    {
        var directory = Directory.CreateTempSubdirectory("agent-test-").FullName;
        var cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { Directory = Path.Combine(directory, "cluster"), Nodes = [Node] }, Cancellation);
        var fixture = new AgentFixture(cluster, directory);
        Directory.CreateDirectory(fixture.Outside);
        cluster.Create($$"""
            {"apiVersion":"v1","kind":"List","items":[
              {"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{System}}"} },
              {"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{Shop}}"} },
              {"apiVersion":"velero.io/v1","kind":"BackupStorageLocation","metadata":{"name":"default","namespace":"{{System}}"},
               "spec":{"provider":"filesystem","objectStorage":{"bucket":""},"config":{"path":"{{fixture.Location}}"} } }
            ]}
            """);
        if (startAgent) fixture.StartAgent();
        return fixture;
    }

    public void StartAgent(int concurrency = 1, string node = Node, bool acceptsPlainDirectories = true, TimeSpan? stopGrace = null)
    {
        _stop = new CancellationTokenSource();
        Directory.CreateDirectory(Cluster.KubeletPodsDirectory(Node));
        var options = new AgentOptions
        {
            Namespace = System,
            NodeName = node,
            HostPods = Cluster.KubeletPodsDirectory(Node),
            // Without the right to mount the cluster has nothing but plain directories.
            AcceptsPlainDirectories = acceptsPlainDirectories,
            Concurrency = concurrency,
            ControlGroups = ControlGroups,
            ProgressInterval = TimeSpan.FromMilliseconds(50),
            StopGrace = stopGrace ?? TimeSpan.FromMilliseconds(100),
        };
        _agent = new AgentHost(options, ClusterConfig.ForServer(Cluster.Address), NullLoggerFactory.Instance, null, TimeProvider.System).RunAsync(_stop.Token);
    }

    /// <summary>Stops the agent as a SIGTERM would and waits for its end.</summary>
    public async Task StopAgentAsync()
    {
        if (_stop is null) return;
        await _stop.CancelAsync();
        await _agent.WaitAsync(TimeSpan.FromSeconds(60), Cancellation);
        _stop.Dispose();
        _stop = null;
    }

    /// <summary>A pod that mounts an emptyDir "data" or, with a claim, that claim; waits until its volume is there and answers the volume's directory.</summary>
    public async Task<(KubernetesObject Pod, string Volume)> AddPodAsync(string name = "web", string? claim = null, string? restore = null, bool marksInVolume = false)
    {
        var volume = claim is null ? """{"name":"data","emptyDir":{}}""" : $$$"""{"name":"data","persistentVolumeClaim":{"claimName":"{{{claim}}}"}}""";
        var mount = marksInVolume ? """{"name":"data","mountPath":"/restores/data"}""" : """{"name":"nodeagent-restore","mountPath":"/restores/data","subPath":"data"}""";
        var wait = restore is null ? "" : $$$"""
            "initContainers":[{"name":"restore-wait","image":"nodeagent:1","args":["{{{restore}}}"],"volumeMounts":[{{{mount}}}]}],
            """;
        if (restore is not null && !marksInVolume) volume += """,{"name":"nodeagent-restore","emptyDir":{}}""";
        Cluster.Create($$$"""
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{{name}}}","namespace":"{{{Shop}}}"},
             "spec":{ {{{wait}}} "containers":[{"name":"web","image":"example.com/web:1","volumeMounts":[{"name":"data","mountPath":"/data"}]}],"volumes":[{{{volume}}}]} }
            """);
        var pod = await WaitAsync(KubernetesResources.Pods, Shop, name, p => restore is null ? p.Status?["phase"]?.ToString() == "Running" : p.Status?["initContainerStatuses"] is not null);
        var volumes = Path.Combine(Cluster.KubeletPodsDirectory(Node), pod.Uid, "volumes");
        var path = Directory.GetDirectories(volumes).Where(d => Path.GetFileName(d) != "kubernetes.io~projected").SelectMany(Directory.GetDirectories).Single(d => Path.GetFileName(d) != "nodeagent-restore");
        return (pod, Path.GetFileName(Path.GetDirectoryName(path)) == "kubernetes.io~csi" ? Path.Combine(path, "mount") : path);
    }

    public void AddClaim(string name, string storageClass) => Cluster.Create($$"""
        {"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"{{name}}","namespace":"{{Shop}}"},
         "spec":{"accessModes":["ReadWriteOnce"],"storageClassName":"{{storageClass}}","resources":{"requests":{"storage":"1Gi"} } } }
        """);

    /// <summary>Asks for a backup of volume "data"; the spec's further fields are merged over the usual ones.</summary>
    public async Task<string> AskForBackupAsync(KubernetesObject pod, string name = "b1", JsonObject? spec = null, JsonObject? status = null)
    {
        var item = new KubernetesObject(VeleroResources.PodVolumeBackups, System, name);
        item.Json["spec"] = new JsonObject
        {
            ["node"] = Node,
            ["pod"] = new JsonObject { ["kind"] = "Pod", ["namespace"] = pod.Namespace, ["name"] = pod.Name, ["uid"] = pod.Uid },
            ["volume"] = "data",
            ["backupStorageLocation"] = "default",
            ["repoIdentifier"] = "",
            ["uploaderType"] = "kopia",
            ["tags"] = new JsonObject { ["backup"] = "nightly" },
        };
        foreach (var (field, value) in spec ?? []) item.Json["spec"]![field] = value?.DeepClone();
        await Client.CreateAsync(VeleroResources.PodVolumeBackups, System, item, Cancellation);
        if (status is not null) await Client.PatchStatusAsync(VeleroResources.PodVolumeBackups, System, name, status, null, Cancellation);
        return name;
    }

    public async Task<string> AskForRestoreAsync(KubernetesObject pod, string snapshot, string restore, string name = "r1", JsonObject? spec = null, JsonObject? status = null)
    {
        var item = new KubernetesObject(VeleroResources.PodVolumeRestores, System, name);
        item.Json["metadata"]!["labels"] = new JsonObject { ["velero.io/restore-uid"] = restore };
        item.Json["spec"] = new JsonObject
        {
            ["pod"] = new JsonObject { ["kind"] = "Pod", ["namespace"] = pod.Namespace, ["name"] = pod.Name, ["uid"] = pod.Uid },
            ["volume"] = "data",
            ["backupStorageLocation"] = "default",
            ["repoIdentifier"] = "",
            ["uploaderType"] = "kopia",
            ["snapshotID"] = snapshot,
            ["sourceNamespace"] = Shop,
        };
        foreach (var (field, value) in spec ?? []) item.Json["spec"]![field] = value?.DeepClone();
        await Client.CreateAsync(VeleroResources.PodVolumeRestores, System, item, Cancellation);
        if (status is not null) await Client.PatchStatusAsync(VeleroResources.PodVolumeRestores, System, name, status, null, Cancellation);
        return name;
    }

    public async Task<KubernetesObject> BackUpAsync(KubernetesObject pod, string name = "b1", JsonObject? spec = null) =>
        await WaitForEndAsync(VeleroResources.PodVolumeBackups, await AskForBackupAsync(pod, name, spec));

    public Task<KubernetesObject> WaitForEndAsync(ResourceKind kind, string name) => WaitForPhaseAsync(kind, name, PodVolumePhase.Completed, PodVolumePhase.Failed, PodVolumePhase.Canceled);

    public Task<KubernetesObject> WaitForPhaseAsync(ResourceKind kind, string name, params string[] phases) => WaitAsync(kind, System, name, o => phases.Contains(o.Status?["phase"]?.ToString()));

    /// <summary>Waits, at most 20 s, until the object is as wanted.</summary>
    public async Task<KubernetesObject> WaitAsync(ResourceKind kind, string ns, string name, Func<KubernetesObject, bool> wanted)
    {
        KubernetesObject? last = null;
        for (var i = 0; i < 1000; i++)
        {
            last = await Client.FindAsync(kind, ns, name, Cancellation);
            if (last is not null && wanted(last)) return last;
            await Task.Delay(20, Cancellation);
        }

        throw new TimeoutException($"{kind.Kind} {name} did not come to the state wanted: {last?.Json.ToJsonString() ?? "absent"}");
    }

    public async Task<ChunkRepository> OpenRepositoryAsync()
    {
        var secret = await Client.GetAsync(KubernetesResources.Secrets, System, "velero-repo-credentials", Cancellation);
        using var key = RepositorySecret.FromKeyFile(Convert.FromBase64String(secret.Json["data"]!["repository-key"]!.ToString()));
        return await ChunkRepository.OpenAsync(new DirectoryStore(Path.Combine(Location, "plugins", "nodeagent")), key, new RepositoryOpenOptions(), Cancellation);
    }

    public async Task<Snapshot> ReadSnapshotAsync(string id)
    {
        await using var repository = await OpenRepositoryAsync();
        return await new SnapshotCatalog(repository).GetAsync(SnapshotId.TryParse(id, out var parsed) ? parsed : throw new FormatException(id), Cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_stop is not null)
        {
            await _stop.CancelAsync();
            await _agent.WaitAsync(TimeSpan.FromSeconds(20));
            _stop.Dispose();
        }

        Client.Dispose();
        await Cluster.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
