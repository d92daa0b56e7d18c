using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Controller;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Snapshots;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Controller.Tests.Snapshots;
using NodeAgent.EndToEnd.Tests.Processes;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.SeedDocuments;

/// <summary>
/// A cluster with volumes of two kinds, and a controller that knows the provider <c>portworx</c> because the test registered it. The command
/// line is the real executable, which the documents' commands are given to as they are written.
/// </summary>
internal sealed class SeedCluster : IAsyncDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("seed-document-");
    private readonly CancellationTokenSource _stop = new();
    private readonly TestApiServer _api;
    private readonly Task _controller;

    private SeedCluster(TestApiServer api, IReadOnlyDictionary<string, string> defaults)
    {
        _api = api;
        var options = new ControllerOptions { LeaderElection = false, ResyncPeriod = TimeSpan.FromSeconds(1), PollInterval = TimeSpan.FromMilliseconds(50), DefaultVolumeSnapshotLocations = defaults };
        _controller = new ControllerHost(options, api.Config, NullLoggerFactory.Instance, TimeProvider.System) { SnapshotProviders = new SnapshotProviders([.. SnapshotProviders.Default.All, Portworx]) }.RunAsync(_stop.Token);
        File.WriteAllText(Kubeconfig, $$"""
            apiVersion: v1
            kind: Config
            current-context: test
            clusters: [{name: test, cluster: {server: "{{api.Address}}"} }]
            contexts: [{name: test, context: {cluster: test, user: test} }]
            users: [{name: test, user: {} }]
            """);
    }

    public SampleStorage Portworx { get; } = new();

    private string Kubeconfig => Path.Combine(_directory.FullName, "kubeconfig");

    /// <param name="defaults">What <c>--default-volume-snapshot-locations</c> says.</param>
    public static async Task<SeedCluster> StartAsync(IReadOnlyDictionary<string, string>? defaults = null)
    {
        var api = await TestApiServer.StartAsync();
        api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"velero"},"status":{"phase":"Active"}}""");
        api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"shop"},"status":{"phase":"Active"}}""");
        AddVolume(api, "on-ebs", """{"awsElasticBlockStore":{"volumeID":"vol-1"}}""");
        AddVolume(api, "on-portworx", """{"portworxVolume":{"volumeID":"px-1"}}""");
        return new SeedCluster(api, defaults ?? new Dictionary<string, string>());
    }

    public void AddSecret(string name, string key, string content) =>
        _api.Add(WellKnownTestKinds.Secrets, $$$"""{"metadata":{"name":"{{{name}}}","namespace":"velero"},"data":{"{{{key}}}":"{{{Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(content))}}}"} }""");

    /// <summary>Runs a command as a document has it, but for the program's name.</summary>
    public Task<string> RunAsync(string command) => NodeAgentCommand.RunAsync([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--kubeconfig", Kubeconfig]);

    /// <summary>Creates a location for the backups' files in a directory, for documents that speak of snapshots alone.</summary>
    public Task<string> CreateDirectoryLocationAsync()
    {
        var path = Path.Combine(_directory.FullName, "backups");
        Directory.CreateDirectory(path);
        return RunAsync($"backup-location create default --provider filesystem --config path={path} --default");
    }

    /// <summary>Waits until an object has one of the phases, and answers it.</summary>
    public async Task<JsonObject> WaitAsync(ResourceKind kind, string name, params string[] phases)
    {
        var deadline = DateTime.UtcNow.AddSeconds(60);
        JsonObject? item = null;
        while (DateTime.UtcNow < deadline)
        {
            item = _api.Find(kind, "velero", name);
            if (phases.Contains(item.Text("status", "phase"))) return item!;
            await Task.Delay(50);
        }

        throw new TimeoutException($"{kind.Plural} {name} did not become {string.Join(" or ", phases)} within 60 s: {item?.ToJsonString() ?? "absent"}");
    }

    public Task<JsonObject> WaitForEndAsync(string backup) =>
        WaitAsync(VeleroResources.Backups, backup, BackupPhase.Completed, BackupPhase.PartiallyFailed, BackupPhase.Failed, BackupPhase.FailedValidation);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _controller;
        await _api.DisposeAsync();
        _stop.Dispose();
        _directory.Delete(recursive: true);
    }

    private static void AddVolume(TestApiServer api, string claim, string source)
    {
        api.Add(KubernetesResources.PersistentVolumes, $$$"""
            {"metadata":{"name":"pv-{{{claim}}}"},"spec":{"capacity":{"storage":"1Gi"},"claimRef":{"namespace":"shop","name":"{{{claim}}}"},{{{source[1..]}}} }
            """);
        api.Add(KubernetesResources.PersistentVolumeClaims, $$"""{"metadata":{"name":"{{claim}}","namespace":"shop"},"spec":{"volumeName":"pv-{{claim}}"},"status":{"phase":"Bound"} }""");
    }
}
