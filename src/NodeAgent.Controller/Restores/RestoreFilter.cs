using NodeAgent.Controller.Backups.Policies;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Selection;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Restores;

/// <summary>What of a backup a restore brings back. Namespaces are the ones that the backup knows, before any mapping.</summary>
internal sealed class RestoreFilter
{
    /// <summary>Bound to a cluster, or brought in from the bucket by itself; never restored.</summary>
    public static readonly IReadOnlyList<string> NonRestorable =
    [
        "nodes", "events", "events.events.k8s.io", "backups.velero.io", "restores.velero.io", "resticrepositories.velero.io",
        "csinodes.storage.k8s.io", "volumeattachments.storage.k8s.io", "backuprepositories.velero.io",
        // Requests, and work, of another time: made again they would be carried out again, and delete a backup, for one.
        "deletebackuprequests.velero.io", "downloadrequests.velero.io", "serverstatusrequests.velero.io", "podvolumebackups.velero.io", "podvolumerestores.velero.io",
        "datauploads.velero.io", "datadownloads.velero.io",
    ];

    private readonly RestoreSpec _spec;
    private readonly IncludesExcludes _resources;
    private readonly IncludesExcludes _namespaces;

    public RestoreFilter(RestoreSpec spec, ResourcePolicies policies, ResourceNames names)
    {
        _spec = spec;
        _resources = names.Resolve(spec.IncludedResources, [.. spec.ExcludedResources ?? [], .. NonRestorable]);
        _namespaces = new IncludesExcludes(spec.IncludedNamespaces, spec.ExcludedNamespaces);
        Labels = new LabelSelectors(spec.LabelSelector, spec.OrLabelSelectors);
        Fine = new FineFilters(policies, names);
        Status = names.Resolve(spec.RestoreStatus?.IncludedResources, spec.RestoreStatus?.ExcludedResources);
    }

    public LabelSelectors Labels { get; }

    /// <summary>The policy's filters of single types. Namespaces in it are those of the backup.</summary>
    public FineFilters Fine { get; }

    private IncludesExcludes Status { get; }

    public static IEnumerable<string> Problems(RestoreSpec spec)
    {
        foreach (var name in (spec.IncludedResources ?? []).Intersect(NonRestorable)) yield return $"resources: {name} cannot be restored";
        var problems = new IncludesExcludes(spec.IncludedNamespaces, spec.ExcludedNamespaces).Problems("namespaces")
            .Concat(new IncludesExcludes(spec.IncludedResources, spec.ExcludedResources).Problems("resources"))
            .Concat(LabelSelectors.Problems(spec.LabelSelector, spec.OrLabelSelectors))
            .Concat(NamespacePattern.Problems(spec.IncludedNamespaces, spec.ExcludedNamespaces));
        foreach (var problem in problems) yield return problem;
        foreach (var (from, to) in spec.NamespaceMapping ?? new Dictionary<string, string>())
        {
            if (!ObjectName.IsValid(to)) yield return $"spec.namespaceMapping: \"{to}\", the target of \"{from}\", is no name of a namespace";
        }
    }

    public bool TakesType(string groupResource) => _resources.ShouldInclude(groupResource);

    public bool TakesNamespace(string ns) => _namespaces.ShouldInclude(ns);

    /// <summary>Whether a cluster-scoped object is restored for its own sake, not because another needs it.</summary>
    public bool TakesClusterScoped => _spec.IncludeClusterResources ?? _namespaces.IncludesEverything;

    /// <summary>Whether cluster-scoped objects may come along with others that need them.</summary>
    public bool AdmitsClusterScoped => _spec.IncludeClusterResources != false;

    /// <summary>Volume data comes back only together with claims and volumes.</summary>
    public bool TakesVolumeData =>
        _spec.RestorePvs != false && TakesType(KubernetesResources.PersistentVolumeClaims.GroupResource) && TakesType(KubernetesResources.PersistentVolumes.GroupResource);

    /// <summary>Whether the type's status is restored; of nothing, unless the restore asks for it.</summary>
    public bool TakesStatus(string groupResource) => Status.Includes.Count > 0 && Status.ShouldInclude(groupResource);
}
