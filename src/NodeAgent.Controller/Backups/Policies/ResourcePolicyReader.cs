namespace NodeAgent.Controller.Backups.Policies;

/// <summary>
/// Reads the YAML of a policy ConfigMap: <c>version: v1</c>, <c>volumePolicies</c>, <c>includeExcludePolicy</c> and the filters of single types
/// (<see cref="FilterPolicyReader"/>). Whatever it does not know is an error, since a condition that is passed over would make a policy match what it is not meant for.
/// </summary>
internal static class ResourcePolicyReader
{
    /// <exception cref="FormatException">The text is no policy; the message says why, in one line.</exception>
    public static ResourcePolicies Read(string yaml)
    {
        var root = PolicyNode.Parse(yaml);
        var top = root.Map("version", "volumePolicies", "includeExcludePolicy", "namespacedFilterPolicies", "clusterScopedFilterPolicy");
        var version = top.TryGetValue("version", out var given) ? given.Text() : "";
        if (version != "v1") throw (given.Node is null ? root : given).Wrong(version.Length == 0 ? "version is missing; it must be v1" : $"version \"{version}\" is not known; it must be v1");
        return new ResourcePolicies
        {
            Volumes = top.TryGetValue("volumePolicies", out var volumes) ? [.. volumes.List().Select(ReadVolumePolicy)] : [],
            Filters = top.TryGetValue("includeExcludePolicy", out var lists) ? ReadFilters(lists) : null,
            NamespaceFilters = top.TryGetValue("namespacedFilterPolicies", out var namespaced) ? FilterPolicyReader.ReadNamespaced(namespaced) : [],
            ClusterScopedFilters = top.TryGetValue("clusterScopedFilterPolicy", out var clusterScoped) && !clusterScoped.IsNull ? FilterPolicyReader.ReadClusterScoped(clusterScoped) : [],
        };
    }

    private static VolumePolicy ReadVolumePolicy(PolicyNode node)
    {
        var parts = node.Map("conditions", "action");
        if (!parts.TryGetValue("action", out var action)) throw node.Wrong("a volume policy needs an action");
        var wish = action.Map("type", "parameters");
        var type = wish.TryGetValue("type", out var given) ? given.Text() : "";
        return new VolumePolicy(
            parts.TryGetValue("conditions", out var conditions) ? ReadConditions(conditions) : new VolumeConditions(),
            type switch
            {
                "skip" => VolumeAction.Skip,
                "fs-backup" => VolumeAction.FsBackup,
                "snapshot" => VolumeAction.Snapshot,
                "custom" => throw given.Wrong("action custom needs a plugin of Velero, which cannot run here; use skip, fs-backup or snapshot"),
                _ => throw action.Wrong($"action type \"{type}\" is not known; it must be skip, fs-backup or snapshot"),
            },
            wish.TryGetValue("parameters", out var parameters) ? parameters.Texts() : new Dictionary<string, string>(),
            node.Line);
    }

    private static VolumeConditions ReadConditions(PolicyNode node)
    {
        var given = node.Map("capacity", "storageClass", "nfs", "csi", "volumeTypes", "pvcLabels", "pvcPhase", "pvcVolumeMode", "pvcAccessModes");
        return new VolumeConditions
        {
            Capacity = given.TryGetValue("capacity", out var capacity) ? ReadCapacity(capacity) : default,
            StorageClasses = Texts("storageClass"),
            Nfs = given.TryGetValue("nfs", out var nfs) ? ReadNfs(nfs) : null,
            Csi = given.TryGetValue("csi", out var csi) ? ReadCsi(csi) : null,
            Types = Texts("volumeTypes"),
            ClaimLabels = given.TryGetValue("pvcLabels", out var labels) ? labels.Texts() : new Dictionary<string, string>(),
            ClaimPhases = Texts("pvcPhase"),
            ClaimVolumeMode = given.TryGetValue("pvcVolumeMode", out var mode) ? mode.Text() : "",
            ClaimAccessModes = Texts("pvcAccessModes"),
        };

        IReadOnlyList<string> Texts(string name) => given.TryGetValue(name, out var list) ? list.TextList() : [];
    }

    private static CapacityRange ReadCapacity(PolicyNode node)
    {
        try
        {
            return CapacityRange.Parse(node.Text());
        }
        catch (FormatException e) when (!e.Message.StartsWith("line ", StringComparison.Ordinal))
        {
            throw node.Wrong(e.Message);
        }
    }

    private static (string Server, string Path) ReadNfs(PolicyNode node)
    {
        var given = node.Map("server", "path");
        return (given.TryGetValue("server", out var server) ? server.Text() : "", given.TryGetValue("path", out var path) ? path.Text() : "");
    }

    private static (string Driver, IReadOnlyDictionary<string, string> Attributes) ReadCsi(PolicyNode node)
    {
        var given = node.Map("driver", "volumeAttributes");
        var driver = given.TryGetValue("driver", out var name) ? name.Text() : "";
        if (!given.TryGetValue("volumeAttributes", out var attributes)) return (driver, new Dictionary<string, string>());
        return driver.Length > 0 ? (driver, attributes.Texts()) : throw attributes.Wrong("volumeAttributes need a driver beside them");
    }

    private static ScopedFilters ReadFilters(PolicyNode node)
    {
        var given = node.Map("includedClusterScopedResources", "excludedClusterScopedResources", "includedNamespaceScopedResources", "excludedNamespaceScopedResources");
        var filters = new ScopedFilters
        {
            IncludedClusterScoped = Types("includedClusterScopedResources"),
            ExcludedClusterScoped = Types("excludedClusterScopedResources"),
            IncludedNamespaceScoped = Types("includedNamespaceScopedResources"),
            ExcludedNamespaceScoped = Types("excludedNamespaceScopedResources"),
        };
        foreach (var both in filters.IncludedClusterScoped.Intersect(filters.ExcludedClusterScoped).Concat(filters.IncludedNamespaceScoped.Intersect(filters.ExcludedNamespaceScoped)))
        {
            throw node.Wrong($"includeExcludePolicy: \"{both}\" is both included and excluded");
        }

        return filters;

        IReadOnlyList<string> Types(string name)
        {
            if (!given.TryGetValue(name, out var list)) return [];
            return list.TextList() is var types && !types.Contains("*") ? types : throw list.Wrong($"{name}: \"*\" cannot be used in a policy");
        }
    }
}
