using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Selection;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Backups.Policies;

/// <summary>Finds the policy that a backup or restore names.</summary>
internal static class ResourcePolicyLookup
{
    /// <summary>The rules of a backup, or why there are none, in one line.</summary>
    public static async Task<(ResourcePolicies Policies, string? Problem)> FindAsync(ClusterClient cluster, string ns, BackupSpec spec, CancellationToken cancellation)
    {
        if (spec.ResourcePolicy is not { } reference) return (ResourcePolicies.None, null);
        var (policies, problem) = await FindAsync(cluster, ns, reference, cancellation);
        if (problem is not null || !UsesOlderFilters(spec) || NameOfNewerFilters(policies) is not { } newer) return (policies, problem);
        return Refuse($"ConfigMap {ns}/{reference.Name}: {newer} cannot be combined with includedResources, excludedResources or includeClusterResources");
    }

    /// <summary>The rules of a restore, of which only the filters of single types have a meaning, or why there are none.</summary>
    public static async Task<(ResourcePolicies Policies, string? Problem)> FindAsync(ClusterClient cluster, string ns, RestoreSpec spec, CancellationToken cancellation)
    {
        if (spec.ResourcePolicy is not { } reference) return (ResourcePolicies.None, null);
        var (policies, problem) = await FindAsync(cluster, ns, reference, cancellation);
        if (problem is not null || (policies.Volumes.Count == 0 && policies.Filters is null)) return (policies, problem);
        return Refuse($"ConfigMap {ns}/{reference.Name}: {(policies.Volumes.Count > 0 ? "volumePolicies" : "includeExcludePolicy")} is for backups; a restore takes namespacedFilterPolicies and clusterScopedFilterPolicy");
    }

    /// <summary>
    /// A backup's rules with the server's volume policies behind them, so that a backup can decide otherwise about single volumes. Rules of the
    /// server's map that are not about volumes are passed over, with a note.
    /// </summary>
    public static async Task<(ResourcePolicies Policies, string? Problem)> JoinServersAsync(ClusterClient cluster, string ns, string map, ResourcePolicies own, CancellationToken cancellation)
    {
        var (servers, problem) = await ReadAsync(cluster, ns, map, cancellation);
        if (problem is not null) return (own, $"--global-backup-volume-policies-configmap of the server: {problem}");
        var joined = own with { Volumes = [.. own.Volumes, .. servers.Volumes.Select(v => v with { IsOfServer = true })] };
        return NameOfNewerFilters(servers) is { } passedOver ? (joined with { Notes = [.. own.Notes, $"ConfigMap {ns}/{map}, which has the server's volume policies: its {passedOver} has no effect"] }, null) : (joined, null);
    }

    private static async Task<(ResourcePolicies Policies, string? Problem)> FindAsync(ClusterClient cluster, string ns, TypedLocalObjectReference reference, CancellationToken cancellation)
    {
        if (!string.Equals(reference.Kind, "ConfigMap", StringComparison.OrdinalIgnoreCase)) return Refuse($"kind \"{reference.Kind}\" is not read; a policy is a ConfigMap");
        if (!ObjectName.IsValid(reference.Name)) return Refuse($"\"{reference.Name}\" is no name of a ConfigMap");
        var (policies, problem) = await ReadAsync(cluster, ns, reference.Name!, cancellation);
        return problem is null ? (policies, null) : Refuse(problem);
    }

    private static async Task<(ResourcePolicies Policies, string? Problem)> ReadAsync(ClusterClient cluster, string ns, string name, CancellationToken cancellation)
    {
        var where = $"ConfigMap {ns}/{name}";
        if (await cluster.GetAsync(KubernetesResources.ConfigMaps, ns, name, cancellation) is not { } map) return (ResourcePolicies.None, $"{where} does not exist");
        var data = map.StringMap("data");
        if (data.Count != 1) return (ResourcePolicies.None, $"{where} has {data.Count} entries under data; it must have one, which holds the policy");
        try
        {
            return (ResourcePolicyReader.Read(data.Values.Single()), null);
        }
        catch (FormatException e)
        {
            return (ResourcePolicies.None, $"{where}, {e.Message.ReplaceLineEndings(" ")}");
        }
    }

    private static string? NameOfNewerFilters(ResourcePolicies policies) =>
        policies.Filters is not null ? "includeExcludePolicy"
        : policies.NamespaceFilters.Count > 0 ? "namespacedFilterPolicies"
        : policies.ClusterScopedFilters.Count > 0 ? "clusterScopedFilterPolicy"
        : null;

    private static bool UsesOlderFilters(BackupSpec spec) =>
        spec.IncludedResources is { Count: > 0 } || spec.ExcludedResources is { Count: > 0 } || spec.IncludeClusterResources is not null;

    private static (ResourcePolicies, string) Refuse(string reason) => (ResourcePolicies.None, $"spec.resourcePolicy: {reason}");
}
