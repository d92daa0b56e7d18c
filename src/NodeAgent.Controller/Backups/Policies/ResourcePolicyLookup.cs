using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Selection;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Backups.Policies;

/// <summary>Finds the policy that a backup names.</summary>
internal static class ResourcePolicyLookup
{
    /// <summary>The rules, or why there are none, in one line.</summary>
    public static async Task<(ResourcePolicies Policies, string? Problem)> FindAsync(ClusterClient cluster, string ns, BackupSpec spec, CancellationToken cancellation)
    {
        if (spec.ResourcePolicy is not { } reference) return (ResourcePolicies.None, null);
        if (!string.Equals(reference.Kind, "ConfigMap", StringComparison.OrdinalIgnoreCase)) return Refuse($"kind \"{reference.Kind}\" is not read; a policy is a ConfigMap");
        if (!ObjectName.IsValid(reference.Name)) return Refuse($"\"{reference.Name}\" is no name of a ConfigMap");
        var where = $"ConfigMap {ns}/{reference.Name}";
        if (await cluster.GetAsync(KubernetesResources.ConfigMaps, ns, reference.Name!, cancellation) is not { } map) return Refuse($"{where} does not exist");
        var data = map.StringMap("data");
        if (data.Count != 1) return Refuse($"{where} has {data.Count} entries under data; it must have one, which holds the policy");
        try
        {
            var policies = ResourcePolicyReader.Read(data.Values.Single());
            return policies.Filters is not null && UsesOlderFilters(spec)
                ? Refuse($"{where}: includeExcludePolicy cannot be combined with includedResources, excludedResources or includeClusterResources")
                : (policies, null);
        }
        catch (FormatException e)
        {
            return Refuse($"{where}, {e.Message.ReplaceLineEndings(" ")}");
        }
    }

    private static bool UsesOlderFilters(BackupSpec spec) =>
        spec.IncludedResources is { Count: > 0 } || spec.ExcludedResources is { Count: > 0 } || spec.IncludeClusterResources is not null;

    private static (ResourcePolicies, string) Refuse(string reason) => (ResourcePolicies.None, $"spec.resourcePolicy: {reason}");
}
