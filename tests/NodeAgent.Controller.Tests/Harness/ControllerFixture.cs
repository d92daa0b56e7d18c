using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Snapshots;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Connection;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Tests.Harness;

/// <summary>
/// A cluster with one location, a controller that works on it over HTTP, and a stand-in for the agents that ends volume
/// backups and restores as told.
/// </summary>
internal sealed class ControllerFixture : IAsyncDisposable
{
    public const string Ns = "velero";

    // As long as the longest wait between two tries of an informer, and as long again.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _tasks = [];
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("controller-test-");

    private ControllerFixture(TestApiServer api) => Api = api;

    public TestApiServer Api { get; }

    public string LocationPath => Path.Combine(_directory.FullName, "location");

    public DirectoryBucket Bucket => new(LocationPath);

    /// <summary>Phase in which the stand-in agent ends volume work; null leaves it alone until it is cancelled.</summary>
    public string? AgentOutcome { get; set; } = PodVolumePhase.Completed;

    /// <summary>What the played agent says of its work; null for nothing unless it fails.</summary>
    public string? AgentRemark { get; set; }

    /// <summary>Id that the stand-in agent gives to the snapshot of a volume.</summary>
    public Func<string, string> SnapshotIdOf { get; set; } = volume => $"snap-{volume}";

    /// <summary>Whether pods without a node are put on one.</summary>
    public bool Schedules { get; set; } = true;

    /// <summary>Node that pods without one are put on.</summary>
    public string ScheduledNode { get; set; } = "n1";

    public ControllerOptions Options { get; private init; } = new();

    private SnapshotProviders SnapshotProviders { get; init; } = SnapshotProviders.Default;

    /// <param name="start">False leaves the controller to the test, which calls <see cref="StartController"/>.</param>
    public static async Task<ControllerFixture> StartAsync(Func<ControllerOptions, ControllerOptions>? configure = null, bool start = true, bool hasStatusSubresource = true, SnapshotProviders? snapshotProviders = null)
    {
        var api = await TestApiServer.StartAsync(hasStatusSubresource);
        var options = new ControllerOptions
        {
            PollInterval = TimeSpan.FromMilliseconds(50),
            ResyncPeriod = TimeSpan.FromSeconds(2),
            CancelGracePeriod = TimeSpan.FromSeconds(2),
            ResourceTimeout = TimeSpan.FromSeconds(5),
            PodScheduleInterval = TimeSpan.Zero,
            LeaderElection = false,
            RestoreImage = "registry.example/nodeagent:1",
        };
        var fixture = new ControllerFixture(api) { Options = configure is null ? options : configure(options), SnapshotProviders = snapshotProviders ?? SnapshotProviders.Default };
        Directory.CreateDirectory(fixture.LocationPath);
        api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"velero"},"status":{"phase":"Active"}}""");
        api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"shop"},"status":{"phase":"Active"}}""");
        api.Add(VeleroResources.BackupStorageLocations, $$"""
            {"metadata":{"name":"default","namespace":"velero"},
             "spec":{"provider":"filesystem","default":true,"config":{"path":"{{fixture.LocationPath}}"},"objectStorage":{"bucket":""} } }
            """);
        api.Add(KubernetesResources.Pods, """{"metadata":{"name":"agent-n1","namespace":"velero","labels":{"name":"node-agent"}},"spec":{"nodeName":"n1"},"status":{"phase":"Running"}}""");
        if (start) fixture.StartController();
        fixture._tasks.Add(fixture.PlayAgentAsync());
        return fixture;
    }

    /// <param name="config">The way to the API server; null for the direct one.</param>
    public void StartController(ClusterConfig? config = null) =>
        _tasks.Add(new ControllerHost(Options, config ?? Api.Config, NullLoggerFactory.Instance, TimeProvider.System) { SnapshotProviders = SnapshotProviders }.RunAsync(_stop.Token));

    /// <summary>Waits, at most a minute, until the condition holds.</summary>
    public static async Task WaitUntilAsync(Func<bool> condition)
    {
        var deadline = DateTime.UtcNow.Add(Patience);
        while (!condition()) await Task.Delay(DateTime.UtcNow < deadline ? 20 : throw new TimeoutException($"the condition did not come about within {Patience.TotalSeconds} s"));
    }

    /// <summary>Waits, at most a minute, until the object satisfies the condition, and answers it.</summary>
    public async Task<JsonObject> WaitAsync(ResourceKind kind, string name, Func<JsonObject, bool> condition, string ns = Ns)
    {
        var deadline = DateTime.UtcNow.Add(Patience);
        JsonObject? item = null;
        while (DateTime.UtcNow < deadline)
        {
            item = Api.Find(kind, ns, name);
            if (item is not null && condition(item)) return item;
            await Task.Delay(20);
        }

        throw new TimeoutException($"{kind.Plural} {name} did not come to the expected state within {Patience.TotalSeconds} s: {item?.ToJsonString() ?? "absent"}");
    }

    public Task<JsonObject> WaitForPhaseAsync(ResourceKind kind, string name, params string[] phases) =>
        WaitAsync(kind, name, o => phases.Contains(o.Text("status", "phase")));

    public Task<JsonObject> WaitForEndAsync(ResourceKind kind, string name) =>
        WaitForPhaseAsync(kind, name, BackupPhase.Completed, BackupPhase.PartiallyFailed, BackupPhase.Failed, BackupPhase.FailedValidation, "Processed");

    /// <summary>Makes a backup with the given spec and waits for its end.</summary>
    public async Task<JsonObject> BackUpAsync(string name, string spec = "{}")
    {
        Api.Add(VeleroResources.Backups, $$"""{"metadata":{"name":"{{name}}","namespace":"velero"},"spec":{{spec}} }""");
        return await WaitForEndAsync(VeleroResources.Backups, name);
    }

    public async Task<JsonObject> RestoreAsync(string name, string spec)
    {
        Api.Add(VeleroResources.Restores, $$"""{"metadata":{"name":"{{name}}","namespace":"velero"},"spec":{{spec}} }""");
        return await WaitForEndAsync(VeleroResources.Restores, name);
    }

    /// <summary>A running pod on node n1 that mounts a claim (bound to volume pv-data), an emptyDir and a Secret.</summary>
    public void AddShop(string annotations = """{"backup.velero.io/backup-volumes":"data"}""", string phase = "Running", string node = "n1")
    {
        Api.Add(KubernetesResources.PersistentVolumes, """{"metadata":{"name":"pv-data"},"spec":{"capacity":{"storage":"1Gi"},"persistentVolumeReclaimPolicy":"Delete","claimRef":{"namespace":"shop","name":"data","uid":"u1"}}}""");
        Api.Add(KubernetesResources.PersistentVolumeClaims, """{"metadata":{"name":"data","namespace":"shop","uid":"u1","annotations":{"pv.kubernetes.io/bind-completed":"yes","volume.kubernetes.io/selected-node":"n1","keep":"me"}},"spec":{"volumeName":"pv-data","accessModes":["ReadWriteOnce"]},"status":{"phase":"Bound"}}""");
        Api.Add(KubernetesResources.Pods, $$$"""
            {"metadata":{"name":"web","namespace":"shop","labels":{"app":"web"},"annotations":{{{annotations}}},"ownerReferences":[{"kind":"ReplicaSet","name":"rs"}]},
             "spec":{"nodeName":"{{{node}}}","serviceAccountName":"default",
              "containers":[{"name":"web","image":"nginx","volumeMounts":[{"name":"data","mountPath":"/d"},{"name":"scratch","mountPath":"/s"},{"name":"cert","mountPath":"/c"}]}],
              "volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"data"}},{"name":"scratch","emptyDir":{}},{"name":"cert","secret":{"secretName":"x"}},{"name":"unused","emptyDir":{}}]},
             "status":{"phase":"{{{phase}}}"} }
            """);
    }

    /// <summary>Takes the shop away, as a disaster would.</summary>
    public void LoseShop()
    {
        foreach (var kind in new[] { KubernetesResources.Pods, KubernetesResources.PersistentVolumeClaims, WellKnownTestKinds.ConfigMaps, WellKnownTestKinds.Services, WellKnownTestKinds.Jobs, KubernetesResources.ServiceAccounts, WellKnownTestKinds.Secrets })
        {
            foreach (var item in Api.All(kind).Where(i => i.Namespace() == "shop")) Api.Remove(kind, "shop", item.Name());
        }

        Api.Remove(KubernetesResources.PersistentVolumes, null, "pv-data");
        Api.Remove(KubernetesResources.Namespaces, null, "shop");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_tasks);
        await Api.DisposeAsync();
        _stop.Dispose();
        _directory.Delete(recursive: true);
    }

    // Tests delete pods and their volumes' work at any moment: what is gone is not played.
    private async Task PlayAgentAsync()
    {
        try
        {
            while (!_stop.IsCancellationRequested)
            {
                foreach (var pod in Api.All(KubernetesResources.Pods).Where(p => Schedules && p.Text("spec", "nodeName") is null))
                {
                    Api.TryPatch(KubernetesResources.Pods, pod.Namespace(), pod.Name(), new JsonObject { ["spec"] = new JsonObject { ["nodeName"] = ScheduledNode } }.ToJsonString());
                }

                foreach (var kind in new[] { VeleroResources.PodVolumeBackups, VeleroResources.PodVolumeRestores })
                {
                    foreach (var work in Api.All(kind).Where(w => !PodVolumeWork.IsFinal(w)))
                    {
                        if (work.IsTrue("spec", "cancel")) Api.TryPatch(kind, Ns, work.Name(), """{"status":{"phase":"Canceled","message":"as asked"}}""");
                        else if (AgentOutcome is { } outcome) Api.TryPatch(kind, Ns, work.Name(), $$$"""{"status":{"phase":"{{{outcome}}}","message":"{{{AgentRemark ?? (outcome == PodVolumePhase.Completed ? "" : "played")}}}","snapshotID":"{{{SnapshotIdOf(work.Text("spec", "volume") ?? "")}}}","progress":{"totalBytes":10,"bytesDone":10} } }""");
                    }
                }

                await Task.Delay(20, _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }
}
