using NodeAgent.Controller.Backups.Policies;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Selection;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Restores;

/// <summary>What a restore reads from, and what of it is meant, which depends on what the cluster serves by now.</summary>
internal sealed class RestoreSources(BackupArchive archive, RestoreSpec spec, ResourcePolicies policies)
{
    public BackupArchive Archive { get; } = archive;

    public RestoreFilter Filter { get; private set; } = new(spec, policies, new ResourceNames([]));

    /// <summary>What in the policy has no effect in this cluster, one line each.</summary>
    public IReadOnlyList<string> PolicyNotes { get; private set; } = [];

    public void Use(IReadOnlyList<ServedResource> served)
    {
        var names = new ResourceNames(served);
        Filter = new RestoreFilter(spec, policies, names);
        PolicyNotes = [.. FineFilters.Notes(policies, names)];
    }

    /// <summary>The objects of a type that are restored for their own sake.</summary>
    public IEnumerable<ArchivedItem> Select(string groupResource)
    {
        if (!Filter.TakesType(groupResource)) return [];
        return Archive.Items(groupResource).Where(i => i.Namespace.Length == 0 ? Filter.TakesClusterScoped || IsNeededDefinition(i) : Filter.TakesNamespace(i.Namespace));
    }

    /// <summary>The definition of a custom resource that is restored comes along, even where cluster-scoped objects do not.</summary>
    private bool IsNeededDefinition(ArchivedItem item) =>
        item.GroupResource == KubernetesResources.CustomResourceDefinitions.GroupResource && Filter.AdmitsClusterScoped
        && Filter.TakesType(item.Name) && Archive.Items(item.Name).Any(i => i.Namespace.Length > 0 && Filter.TakesNamespace(i.Namespace));
}
