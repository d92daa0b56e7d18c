using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.EndToEnd.Tests.Processes;
using NodeAgent.EndToEnd.Tests.S3;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>
/// A cluster whose kubelet runs containers, with NodeAgent installed as users install it and a bucket on a real S3 server as its
/// default location. The command line is the real executable.
/// </summary>
internal sealed class RealNode : IAsyncDisposable
{
    public const string System = "velero";

    /// <summary>Of everything that a test may wait for.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    public static readonly ResourceKind DaemonSets = new("apps", "v1", "daemonsets", "DaemonSet");

    private const string Label = "nodeagent-end-to-end";

    private static readonly ResourceKind Deployments = new("apps", "v1", "deployments", "Deployment");

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("real-node-");
    private readonly TcpForwarder? _gateway;

    private RealNode(NodeSettings settings, GatewayBucket bucket)
    {
        Settings = settings;
        Bucket = bucket;
        Api = new ApiClient(ClusterConfig.FromKubeconfig(settings.Kubeconfig, null));
        if (settings.GatewayHost is not null) _gateway = TcpForwarder.Start(settings.GatewayHost, new Uri(GatewayBucket.Get("S3_ENDPOINT")));
        S3Endpoint = settings.S3Endpoint ?? _gateway!.Url.ToString();
    }

    public NodeSettings Settings { get; }

    /// <summary>An administrator's.</summary>
    public ApiClient Api { get; }

    /// <summary>Of the default location.</summary>
    public GatewayBucket Bucket { get; }

    /// <summary>The S3 server as pods reach it.</summary>
    public string S3Endpoint { get; }

    /// <summary>The way to the S3 server that can be cut. Skips the test in a cluster that does not use it.</summary>
    public TcpForwarder Gateway
    {
        get
        {
            Assert.SkipUnless(_gateway is not null, "the pods of an existing cluster reach the S3 server by themselves: their way cannot be cut");
            return _gateway!;
        }
    }

    /// <summary>Told apart from what other runs of the tests leave in the same cluster.</summary>
    public string Id { get; } = Guid.NewGuid().ToString("N")[..6];

    /// <summary>A directory of this run's own on this machine.</summary>
    public string Scratch => _directory.FullName;

    /// <summary>NodeAgent's pods as they were when all was installed, before any test killed one.</summary>
    public IReadOnlyList<JsonNode> PodsAtFirst { get; private set; } = [];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Installs NodeAgent. Skips the test when there is no cluster for it.</summary>
    public static async Task<RealNode> StartAsync()
    {
        var settings = NodeSettings.Get();
        Assert.SkipUnless((await TryKubectlAsync(settings, "version", "--client")).Code == 0, "no kubectl: apt-get install kubernetes-client");
        var node = new RealNode(settings, await GatewayBucket.CreateAsync(Cancellation));
        try
        {
            await ScenarioTable.ShareAsync("the image is loaded, and what an earlier run left is removed", node.PrepareAsync);
            await ScenarioTable.ShareAsync("NodeAgent is applied and ready", node.ApplyNodeAgentAsync);
            await ScenarioTable.ShareAsync("the location is available", node.AddLocationAsync);
            node.PodsAtFirst = await node.ListAsync(KubernetesResources.Pods, System);
            return node;
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    /// <summary>A name for a namespace or a cluster-wide object that no other run uses.</summary>
    public string Name(string name) => $"{name}-{Id}";

    // --- commands -----------------------------------------------------------

    /// <summary>Runs a command of the command line against this cluster and answers what it printed.</summary>
    public Task<string> RunAsync(params string[] arguments) => RunInAsync(System, arguments);

    /// <inheritdoc cref="RunAsync"/>
    public async Task<string> RunInAsync(string ns, params string[] arguments)
    {
        try
        {
            return await NodeAgentCommand.RunAsync([.. arguments, "--kubeconfig", Settings.Kubeconfig, "--namespace", ns]);
        }
        catch (Xunit.Sdk.XunitException e)
        {
            await FailAsync(e.Message, ns);
            throw;
        }
    }

    /// <summary>Runs kubectl as an administrator and answers what it printed.</summary>
    public async Task<string> KubectlAsync(params string[] arguments)
    {
        var (code, output, error) = await TryKubectlAsync(Settings, arguments);
        Assert.True(code == 0, $"kubectl {string.Join(' ', arguments)}: exit code {code}\n{output}\n{error}");
        return output;
    }

    /// <summary>Applies YAML. Where the API server was away a moment ago, it may take a while until a new namespace is ready for pods.</summary>
    public async Task ApplyAsync(string yaml)
    {
        for (var began = DateTime.UtcNow; ; await Task.Delay(500, Cancellation))
        {
            var (code, output, error) = await ToolProcess.TryRunAsync("kubectl", ["--kubeconfig", Settings.Kubeconfig, "apply", "-f", "-"], yaml);
            if (code == 0) return;
            var isUnready = error.Contains("error looking up service account", StringComparison.Ordinal) || error.Contains("No API token found for service account", StringComparison.Ordinal);
            Assert.True(isUnready && DateTime.UtcNow - began < Limit, $"kubectl apply: exit code {code}\n{output}\n{error}\n{yaml}");
        }
    }

    /// <summary>Runs <c>tests/services/kubernetes node ... --name</c>. Skips the test in a cluster that the script has not started.</summary>
    public async Task<string> ScriptAsync(string[] verb, params string[] arguments)
    {
        Assert.SkipUnless(Settings.ScriptName is not null, "an existing cluster's processes are left alone: eval \"$(tests/services/kubernetes node up --tests)\" starts one of the tests' own");
        return await ToolProcess.RunAsync(Path.Combine(Checkout.Root, "tests/services/kubernetes"), ["node", .. verb, "--name", Settings.ScriptName!, .. arguments]);
    }

    /// <summary>Ends the only container of a pod by SIGKILL. A pod that is deleted by force is asked first, and has two seconds.</summary>
    public async Task KillContainerAsync(string ns, string pod)
    {
        var id = (string)(await GetAsync(KubernetesResources.Pods, ns, pod))["status"]!["containerStatuses"]![0]!["containerID"]!;
        await ScriptAsync(["exec"], "--", "ctr", "tasks", "kill", "-s", "SIGKILL", id[(id.LastIndexOf('/') + 1)..]);
    }

    /// <summary>Runs a shell command in a container and answers what it printed; it must succeed.</summary>
    public async Task<string> ExecAsync(string ns, string pod, string script, string? container = null)
    {
        using MemoryStream output = new(), error = new();
        var code = await Api.ExecAsync(ns, pod, container, ["sh", "-c", script], output, error, Cancellation);
        var text = Encoding.Latin1.GetString(output.ToArray());
        Assert.True(code == 0, $"in pod {ns}/{pod}: exit code {code} of: {script}\n{text}\n{Encoding.UTF8.GetString(error.ToArray())}");
        return text;
    }

    /// <summary>What a container prints until it ends, with the node's time of each line. The kubelet may keep the log open for minutes after that: it is left before.</summary>
    public async Task<string> FollowLogAsync(string ns, string pod) =>
        (await ToolProcess.TryRunAsync("timeout", ["75", "kubectl", "--kubeconfig", Settings.Kubeconfig, "logs", "--follow", "--timestamps", pod, "-n", ns])).Output;

    /// <summary>What a container printed.</summary>
    public async Task<string> LogAsync(string ns, string pod, string? container = null, int? lines = null)
    {
        await using var stream = await Api.OpenLogAsync(ns, pod, new LogOptions { Container = container, TailLines = lines }, Cancellation);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(Cancellation);
    }

    // --- objects ------------------------------------------------------------

    /// <summary>Makes a namespace that is removed at the end.</summary>
    public Task CreateNamespaceAsync(string name) => ApplyAsync($$"""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{name}}","labels":{"{{Label}}":"{{Id}}"} } }""");

    /// <summary>The labels that mark an object of a cluster for removal at the end, as a line of YAML.</summary>
    public string Labels => $"{{{Label}: \"{Id}\"}}";

    public async Task<JsonObject?> FindAsync(ResourceKind kind, string? ns, string name) => (await Api.FindAsync(kind, ns, name, Cancellation))?.Json;

    public async Task<JsonObject> GetAsync(ResourceKind kind, string? ns, string name) => (await Api.GetAsync(kind, ns, name, Cancellation)).Json;

    /// <summary>The objects of a namespace, those with the given labels when there are any.</summary>
    public async Task<IReadOnlyList<JsonObject>> ListAsync(ResourceKind kind, string? ns, string? labels = null)
    {
        var found = new List<JsonObject>();
        await foreach (var item in Api.ListAsync(kind, ns, new ListOptions { LabelSelector = labels }, Cancellation)) found.Add(item.Json);
        return found;
    }

    /// <summary>The volumes of a backup (PodVolumeBackups) or a restore (PodVolumeRestores).</summary>
    public Task<IReadOnlyList<JsonObject>> VolumesOfAsync(ResourceKind kind, string run) =>
        ListAsync(kind, System, $"{(kind == VeleroResources.PodVolumeBackups ? VeleroLabels.BackupName : VeleroLabels.RestoreName)}={VeleroLabels.ToLabelValue(run)}");

    public Task PatchAsync(ResourceKind kind, string? ns, string name, string patch) => Api.PatchAsync(kind, ns, name, (JsonObject)JsonNode.Parse(patch)!, KubernetesJsonContext.Default.KubernetesObject, null, Cancellation);

    /// <summary>Deletes objects and waits until they are gone.</summary>
    public async Task DeleteAsync(ResourceKind kind, string? ns, params string[] names)
    {
        foreach (var name in names) await Api.DeleteAsync(kind, ns, name, new DeleteOptions(), Cancellation);
        foreach (var name in names) await WaitAsync(kind, ns, name, "its end", o => o is null);
    }

    /// <summary>Waits until the object, or its absence, is as wanted; fails with its state and what the pods of the system say.</summary>
    public async Task<JsonObject?> WaitAsync(ResourceKind kind, string? ns, string name, string what, Func<JsonObject?, bool> done, TimeSpan? limit = null)
    {
        var began = DateTime.UtcNow;
        JsonObject? item = null;
        while (true)
        {
            try
            {
                item = await FindAsync(kind, ns, name);
                if (done(item)) return item;
            }
            catch (HttpRequestException) when (DateTime.UtcNow - began < (limit ?? Limit))
            {
                // A server that a scenario has stopped is asked again.
            }

            if (DateTime.UtcNow - began > (limit ?? Limit))
                await FailAsync($"{kind.Plural} {name}: {what} did not come about in {(limit ?? Limit).TotalSeconds} s: {item?["status"]?.ToJsonString() ?? (item is null ? "absent" : "no status")}", ns);
            await Task.Delay(100, Cancellation);
        }
    }

    public async Task<JsonObject> WaitForPhaseAsync(ResourceKind kind, string name, params string[] phases) =>
        (await WaitAsync(kind, System, name, string.Join(" or ", phases), o => phases.Contains((string?)o?["status"]?["phase"])))!;

    /// <summary>Waits until a backup or restore has ended, and answers it; it must have ended so.</summary>
    public async Task<JsonObject> WaitForEndAsync(ResourceKind kind, string name, string end, TimeSpan? limit = null)
    {
        string[] ends = [BackupPhase.Completed, BackupPhase.PartiallyFailed, BackupPhase.Failed, BackupPhase.FailedValidation];
        var ended = (await WaitAsync(kind, System, name, "its end", o => ends.Contains((string?)o?["status"]?["phase"]), limit))!;
        if ((string?)ended["status"]!["phase"] != end) await FailAsync($"{kind.Plural} {name} is not {end}: {await RunAsync(kind == VeleroResources.Backups ? "backup" : "restore", "describe", name, "--details")}");
        return ended;
    }

    /// <summary>Runs <c>backup create</c> or <c>restore create</c> and waits for the end, which must be the given one.</summary>
    public async Task<JsonObject> RunToEndAsync(string end, params string[] arguments)
    {
        await RunAsync(arguments);
        return await WaitForEndAsync(arguments[0] == "backup" ? VeleroResources.Backups : VeleroResources.Restores, arguments[2], end);
    }

    /// <summary>Waits until all containers of a pod are ready.</summary>
    public async Task<JsonObject> WaitForPodAsync(string ns, string pod) => (await WaitAsync(KubernetesResources.Pods, ns, pod, "readiness", IsReady))!;

    /// <summary>Errors and warnings of a backup (<c>backups</c>) or restore (<c>restores</c>), as its file in the bucket has them.</summary>
    public async Task<string> ResultsAsync(string kind, string run) =>
        await ReadGzipAsync($"{kind}/{run}/{(kind == "backups" ? "" : "restore-")}{run}-results.gz");

    /// <summary>The volumeinfo file of a backup.</summary>
    public async Task<JsonArray> VolumeInfoAsync(string backup) => (JsonArray)JsonNode.Parse(await ReadGzipAsync($"backups/{backup}/{backup}-volumeinfo.json.gz"))!;

    // --- the node's files ---------------------------------------------------

    /// <summary>The node's files as this process sees them. Skips the test where they are out of reach.</summary>
    public string Root
    {
        get
        {
            Assert.SkipUnless(Settings.Root is not null, "the files of an existing cluster's nodes are out of reach: eval \"$(tests/services/kubernetes node up --tests)\" starts one of the tests' own");
            return Settings.Root!;
        }
    }

    /// <summary>The directory of a pod's volume on the node, as this process sees it.</summary>
    public string VolumeOf(JsonObject pod, string name)
    {
        var volumes = $"{Root}/var/lib/kubelet/pods/{(string)pod["metadata"]!["uid"]!}/volumes";
        return Directory.EnumerateDirectories(volumes).Select(plugin => $"{plugin}/{name}").Single(Directory.Exists);
    }

    // --- when it goes wrong -------------------------------------------------

    /// <summary>Fails the test with what the system's pods and events tell, and those of another namespace when one is named.</summary>
    public async Task FailAsync(string message, string? ns = null)
    {
        var told = new StringBuilder(message);
        foreach (var (title, arguments) in new (string, string[])[]
        {
            ("pods", ["get", "pods", "-A", "-o", "wide"]),
            ("pods that wait", ["get", "pods", "-A", "--field-selector", "status.phase=Pending", "-o", "jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name}: {.status.conditions[*].message}{\"\\n\"}{end}"]),
            ("pods of the system", ["describe", "pods", "-n", System]),
            ("controller", ["logs", "-n", System, "-l", "deploy=velero", "--tail=60", "--prefix"]),
            ("agent", ["logs", "-n", System, "-l", "name=node-agent", "--tail=60", "--prefix"]),
            ("events of the system", ["get", "events", "-n", System, "--sort-by=.lastTimestamp"]),
            (ns is null or System ? "" : $"pods of {ns}", ["describe", "pods", "-n", ns ?? System]),
            (ns is null or System ? "" : $"events of {ns}", ["get", "events", "-n", ns ?? System, "--sort-by=.lastTimestamp"]),
        })
        {
            if (title.Length == 0) continue;
            var (_, output, error) = await TryKubectlAsync(Settings, arguments);
            told.Append($"\n\n--- {title}\n{output}{error}");
        }

        Assert.Fail(WithoutSecrets(told.ToString()));
    }

    public async ValueTask DisposeAsync()
    {
        // A node of the tests' own goes with its script, and until then it can be looked at.
        if (Settings.IsExisting) await RemoveAsync($"{Label}={Id}", withNodeAgent: true);
        if (_gateway is not null) await _gateway.DisposeAsync();
        Bucket.Dispose();
        Api.Dispose();
        _directory.Delete(recursive: true);
    }

    private static Task<(int Code, string Output, string Error)> TryKubectlAsync(NodeSettings settings, params string[] arguments) => ToolProcess.TryRunAsync("kubectl", ["--kubeconfig", settings.Kubeconfig, .. arguments]);

    private static bool IsReady(JsonObject? pod) =>
        pod?["metadata"]!["deletionTimestamp"] is null && pod?["status"]?["containerStatuses"] is JsonArray { Count: > 0 } all && all.All(c => (bool?)c!["ready"] == true);

    private static string WithoutSecrets(string text)
    {
        foreach (var name in new[] { "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID" }) text = text.Replace(GatewayBucket.Get(name), "***", StringComparison.Ordinal);
        return text;
    }

    private async Task<string> ReadGzipAsync(string key)
    {
        using var content = new GZipStream(new MemoryStream(await Bucket.ReadAsync(key, Cancellation)), CompressionMode.Decompress);
        using var reader = new StreamReader(content);
        return await reader.ReadToEndAsync(Cancellation);
    }

    private async Task PrepareAsync()
    {
        var isThere = await FindAsync(KubernetesResources.Namespaces, null, System) is not null || await FindAsync(KubernetesResources.CustomResourceDefinitions, null, "backups.velero.io") is not null;
        Assert.SkipWhen(isThere && Settings.IsExisting, $"the existing cluster has Velero's custom resources or a namespace {System} already: the tests need a cluster without either");
        if (isThere) await RemoveAsync(Label, withNodeAgent: true);
        if (Settings.ImageArchive is { } archive) await ScriptAsync(["load"], archive);
    }

    private async Task ApplyNodeAgentAsync()
    {
        var manifests = Path.Combine(Checkout.Root, "daemonset");
        if (!Settings.IsExisting) await KubectlAsync("apply", "-k", manifests + "/");
        else await ApplyAsync((await KubectlAsync("kustomize", manifests)).Replace("nodeagent:latest", Settings.Image, StringComparison.Ordinal));
        await WaitUntilReadyAsync(System);
    }

    /// <summary>Waits until the agents of an installation and all replicas of its controller are ready.</summary>
    public async Task WaitUntilReadyAsync(string ns)
    {
        await WaitAsync(DaemonSets, ns, "node-agent", "readiness of the agents", o => IsCurrent(o) && Number(o, "desiredNumberScheduled") > 0 && Number(o, "numberReady") >= Number(o, "desiredNumberScheduled") && Number(o, "updatedNumberScheduled") >= Number(o, "desiredNumberScheduled"));
        await WaitAsync(Deployments, ns, "velero", "readiness of the controllers", o => IsCurrent(o) && Number(o, "readyReplicas") == (int?)o!["spec"]!["replicas"] && Number(o, "replicas") == (int?)o["spec"]!["replicas"]);

        static bool IsCurrent(JsonObject? o) => o is not null && Number(o, "observedGeneration") >= (int?)o["metadata"]!["generation"];
        static int Number(JsonObject? o, string field) => (int?)o?["status"]?[field] ?? 0;
    }

    private async Task AddLocationAsync()
    {
        await ApplyAsync(new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Secret",
            ["metadata"] = new JsonObject { ["name"] = "gateway", ["namespace"] = System },
            ["stringData"] = new JsonObject { ["cloud"] = GatewayBucket.CredentialsFile },
        }.ToJsonString());
        await RunAsync("backup-location", "create", "default", "--provider", "aws", "--bucket", Bucket.Name, "--credential", "gateway=cloud", "--config", LocationConfig, "--default");
        await WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
        // Of two processors not many a pod can have a tenth, which is what the init container of restored pods asks for unless told otherwise.
        await ApplyAsync($$"""
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: restore-wait, namespace: {{System}}, labels: {velero.io/plugin-config: "", velero.io/pod-volume-restore: RestoreItemAction} }
            data: {cpuRequest: 10m, memRequest: 16Mi}
            """);
    }

    /// <summary>Settings of a location on the gateway.</summary>
    public string LocationConfig => $"region=us-east-1,s3ForcePathStyle=true,s3Url={S3Endpoint}";

    /// <summary>Removes the tests' namespaces and volumes, and NodeAgent.</summary>
    private async Task RemoveAsync(string labels, bool withNodeAgent)
    {
        await KubectlAsync("delete", "namespaces,persistentvolumes,storageclasses", "-l", labels, "--ignore-not-found", "--wait=false");
        // With finalizers that nobody is left to take off they would stay for ever.
        if (withNodeAgent) await RunAsync("uninstall", "--force");
        await KubectlAsync("wait", "--for=delete", "namespaces", "-l", labels, "--timeout=120s");
    }
}
