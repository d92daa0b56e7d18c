namespace NodeAgent.Controller.Restores;

/// <summary>The order in which resource types are restored: a first list, all others by name, a last list.</summary>
internal sealed class RestorePriorities
{
    private static readonly string[] DefaultFirst =
    [
        "customresourcedefinitions", "namespaces", "storageclasses", "volumesnapshotclass.snapshot.storage.k8s.io",
        "volumesnapshotcontents.snapshot.storage.k8s.io", "volumesnapshots.snapshot.storage.k8s.io", "datauploads.velero.io", "persistentvolumes",
        "persistentvolumeclaims", "clusterroles", "roles", "serviceaccounts", "clusterrolebindings", "rolebindings", "secrets", "configmaps",
        "limitranges", "priorityclasses",
        // Pods before the controllers that would make new ones: they adopt what they find.
        "pods", "replicasets.apps", "clusterclasses.cluster.x-k8s.io",
        // Endpoints before services, whose controller would otherwise make empty ones.
        "endpoints", "services",
    ];

    private static readonly string[] DefaultLast =
    [
        "clusterbootstraps.run.tanzu.vmware.com", "clusters.cluster.x-k8s.io", "clusterresourcesets.addons.cluster.x-k8s.io",
        "apps.kappctrl.k14s.io", "packageinstalls.packaging.carvel.dev",
    ];

    private readonly IReadOnlyList<string> _first;
    private readonly IReadOnlyList<string> _last;

    /// <param name="configured">First list, then "-" and the last list; without a "-" only the first list is replaced.</param>
    public RestorePriorities(IReadOnlyList<string> configured)
    {
        var dash = configured.ToList().IndexOf("-");
        _first = configured.Count == 0 ? DefaultFirst : dash < 0 ? configured : [.. configured.Take(dash)];
        _last = dash < 0 ? DefaultLast : [.. configured.Skip(dash + 1)];
    }

    public IReadOnlyList<string> Order(IEnumerable<string> groupResources) =>
        [.. groupResources.OrderBy(Rank).ThenBy(r => r, StringComparer.Ordinal)];

    private int Rank(string groupResource)
    {
        if (Find(_first, groupResource) is >= 0 and var first) return first;
        return Find(_last, groupResource) is >= 0 and var last ? _first.Count + 1 + last : _first.Count;
    }

    /// <summary>A name without a group stands for the type in whichever group: "roles" is roles.rbac.authorization.k8s.io.</summary>
    private static int Find(IReadOnlyList<string> list, string groupResource)
    {
        for (var i = 0; i < list.Count; i++)
        {
            if (list[i] == groupResource || (!list[i].Contains('.') && groupResource.StartsWith(list[i] + ".", StringComparison.Ordinal))) return i;
        }

        return -1;
    }
}
