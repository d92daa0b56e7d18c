using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;

namespace NodeAgent.Controller.Restores.Mappings;

/// <summary>What the ConfigMaps that Velero's restore plugins are set up with say: names that are others in this cluster, and how the waiting container looks.</summary>
internal sealed record RestoreMappings
{
    private const string Marker = "velero.io/plugin-config";
    private const string Kind = "RestoreItemAction";

    public static readonly RestoreMappings None = new();

    /// <summary>New storage class by old.</summary>
    public IReadOnlyDictionary<string, string> StorageClasses { get; init; } = new Dictionary<string, string>();

    /// <summary>In the order of their keys; the first that fits an image counts.</summary>
    public IReadOnlyList<ImageRule> Images { get; init; } = [];

    /// <summary>New node by old.</summary>
    public IReadOnlyDictionary<string, string> Nodes { get; init; } = new Dictionary<string, string>();

    /// <summary>Settings of the container that holds restored pods back.</summary>
    public IReadOnlyDictionary<string, string> WaitContainer { get; init; } = new Dictionary<string, string>();

    /// <summary>Reads the ConfigMaps; of several for the same purpose none can be meant, which is a problem.</summary>
    public static async Task<(RestoreMappings Mappings, IReadOnlyList<string> Problems)> ReadAsync(ClusterClient cluster, string ns, CancellationToken cancellation)
    {
        var problems = new List<string>();
        async Task<IReadOnlyDictionary<string, string>> FindAsync(string plugin)
        {
            var found = new List<JsonObject>();
            await foreach (var item in cluster.ListAsync(KubernetesResources.ConfigMaps, ns, $"{plugin}={Kind}", cancellation))
            {
                if (item.Label(Marker) is not null) found.Add(item);
            }

            if (found.Count > 1) problems.Add($"ConfigMaps {string.Join(", ", found.Select(f => f.Name()).Order(StringComparer.Ordinal))} in namespace {ns} all have the label {plugin}={Kind}; keep it on one");
            return found.Count == 1 ? found[0].StringMap("data") : new Dictionary<string, string>();
        }

        var mappings = new RestoreMappings
        {
            StorageClasses = await FindAsync("velero.io/change-storage-class"),
            Images = [.. (await FindAsync("velero.io/change-image-name")).OrderBy(e => e.Key, StringComparer.Ordinal).Select(e => ImageRule.Parse(e.Value)).OfType<ImageRule>()],
            Nodes = await FindAsync("velero.io/change-pvc-node-selector"),
            WaitContainer = await FindAsync("velero.io/pod-volume-restore"),
        };
        return (mappings, problems);
    }
}
