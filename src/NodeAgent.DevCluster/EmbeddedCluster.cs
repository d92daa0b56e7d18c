using System.Reflection;
using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Api;
using NodeAgent.DevCluster.Faults;
using NodeAgent.DevCluster.Lifecycle;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Storage;
using NodeAgent.DevCluster.Tables;
using NodeAgent.DevCluster.Volumes;
using NodeAgent.DevCluster.Writes;
using NodeAgent.Kubernetes.Yaml;

namespace NodeAgent.DevCluster;

/// <summary>
/// A Kubernetes API server in this process, with stand-in kubelets and the controllers that applications need to come up.
/// For tests and the demo; never for production: it has no authentication and keeps objects in memory only.
/// </summary>
/// <remarks>
/// Where it differs from a real cluster: unknown fields of built-in kinds are kept and few of their rules are checked; rules in
/// CEL and webhooks are not run; versions of a custom resource differ in name only; events of the two event groups are kept apart;
/// objects sent as protobuf are read for namespaces, config maps, secrets and service accounts only; no container runs.
/// </remarks>
public sealed class EmbeddedCluster : IAsyncDisposable
{
    private readonly EmbeddedClusterOptions _options;
    private readonly ApiServer _server;
    private readonly ControlLoop _controllers;
    private readonly ResourceRegistry _registry;
    private readonly ResourceWriter _writer;

    private EmbeddedCluster(EmbeddedClusterOptions options, ApiServer server, ControlLoop controllers, ApiFaults faults, ResourceRegistry registry, ResourceWriter writer)
    {
        _options = options;
        _server = server;
        _controllers = controllers;
        _registry = registry;
        _writer = writer;
        Faults = faults;
    }

    /// <summary>Where the API answers, for example http://127.0.0.1:41234/.</summary>
    public Uri Address => _server.Address;

    /// <summary>A kubeconfig for kubectl and other clients, readable by its owner alone.</summary>
    public string KubeconfigPath => Path.Combine(_options.Directory, "kubeconfig");

    /// <summary>Makes the API server misbehave on purpose.</summary>
    public ApiFaults Faults { get; }

    /// <summary>The directory that a kubelet would have at /var/lib/kubelet/pods: <c>&lt;pod uid&gt;/volumes/&lt;plugin&gt;/&lt;volume&gt;</c>.</summary>
    public string KubeletPodsDirectory(string node) => Path.Combine(_options.Directory, "nodes", node, "pods");

    /// <exception cref="ArgumentException">An option is out of range; the message names all such options.</exception>
    /// <exception cref="IOException">The directory cannot be used, or the port is taken.</exception>
    public static async Task<EmbeddedCluster> StartAsync(EmbeddedClusterOptions options, CancellationToken cancellation = default)
    {
        if (options.Validate() is { Count: > 0 } errors)
            throw new ArgumentException(string.Join("; ", errors), nameof(options));
        options = options with { Directory = Path.GetFullPath(options.Directory) };
        Directory.CreateDirectory(options.Directory);
        var directories = new VolumeDirectories(options.Directory, options.BindMounts);
        try
        {
            return await StartAsync(options, directories, cancellation);
        }
        catch
        {
            directories.Dispose();
            throw;
        }
    }

    private static async Task<EmbeddedCluster> StartAsync(EmbeddedClusterOptions options, VolumeDirectories directories, CancellationToken cancellation)
    {
        var store = new ObjectStore(options.HistoryLength);
        var registry = new ResourceRegistry();
        var writer = new ResourceWriter(store, registry, options.Time);
        var faults = new ApiFaults(store);
        var responses = new ApiResponses(new TableBuilder(options.Time));
        var watches = new WatchStream(store, responses, faults, options.Time);
        var handler = new ApiRequestHandler(
            registry, new ResourceRequests(store, writer, responses, watches), new PodRequests(store, writer, options.ExecHandler), new ServiceProxy(store, registry), faults, options.Time);

        ClusterSeed.Create(registry, writer, options);
        var server = await ApiServer.StartAsync(options.Listen, options.Port, handler.HandleAsync, cancellation);
        var controllers = ControlLoop.Start(store, registry, writer, directories, options);
        var cluster = new EmbeddedCluster(options, server, controllers, faults, registry, writer);
        await Kubeconfig.WriteAsync(cluster.KubeconfigPath, server.Address, cancellation);
        cluster.ApplyDefinitions();
        return cluster;
    }

    /// <summary>Creates the objects of YAML or JSON text, namespaced ones in <c>default</c> unless they name another namespace; those that exist already are left as they are.</summary>
    /// <exception cref="FormatException">The text is not YAML, or names a kind that is not served.</exception>
    public void Create(string yaml)
    {
        foreach (var obj in YamlJson.ParseAll(yaml).OfType<JsonObject>())
            CreateOne(obj);
    }

    /// <summary>Stops the server and the kubelets and removes the nodes' directories, the volumes and the kubeconfig.</summary>
    public async ValueTask DisposeAsync()
    {
        await _controllers.DisposeAsync();
        await _server.DisposeAsync();
        Faults.Dispose();
        File.Delete(KubeconfigPath);
    }

    private void ApplyDefinitions()
    {
        var assembly = Assembly.GetExecutingAssembly();
        foreach (var resource in assembly.GetManifestResourceNames().Where(n => n.StartsWith("crds/", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
            Create(reader.ReadToEnd());
        }
        if (_options.CrdDirectory is not { } directory)
            return;
        foreach (var file in Directory.EnumerateFiles(directory, "*.y*ml").Order(StringComparer.Ordinal))
            Create(File.ReadAllText(file));
    }

    private void CreateOne(JsonObject obj)
    {
        if (obj.Text("kind") == "List")
        {
            foreach (var item in obj.Items("items"))
                CreateOne(item.Copy());
            return;
        }
        var type = _registry.FindKind(obj.Text("apiVersion"), obj.Text("kind"))
            ?? throw new FormatException($"kind {obj.Text("kind")} of {obj.Text("apiVersion")} is not served by this cluster");
        var ns = type.Namespaced ? obj.Namespace() is { Length: > 0 } given ? given : "default" : "";
        try
        {
            _writer.Create(type, ns, obj, WriteOptions.Internal);
        }
        catch (ApiException e) when (e.Reason == "AlreadyExists")
        {
            // Asked for already: nothing to do.
        }
    }
}
