using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;

namespace NodeAgent.Controller.Restores.Mappings;

/// <summary>Puts the names of this cluster into objects. Not for concurrent use.</summary>
internal sealed class ItemMapper(RestoreScope scope)
{
    private const string SelectedNode = "volume.kubernetes.io/selected-node";

    private readonly Dictionary<(string Type, string Name), bool> _exists = [];

    private RestoreMappings Mappings => scope.Restore.Mappings;

    /// <exception cref="InvalidDataException">A storage class that an object is to get does not exist.</exception>
    public async Task MapAsync(string groupResource, JsonObject item, CancellationToken cancellation)
    {
        MapImages(groupResource, item);
        switch (groupResource)
        {
            case "persistentvolumeclaims" or "persistentvolumes":
                await MapStorageClassAsync(item, cancellation);
                break;
            case "statefulsets.apps":
                foreach (var template in item.Objects("spec", "volumeClaimTemplates")) await MapStorageClassAsync(template, cancellation);
                break;
        }
    }

    /// <summary>
    /// The node that a claim's volume is to be made for, by the annotation that it has, or null. Nodes of the old cluster are not kept: where
    /// they are missing, the claim would wait for ever.
    /// </summary>
    public async Task<string?> NodeForAsync(JsonObject claim, CancellationToken cancellation)
    {
        if (claim.Annotation(SelectedNode) is not { } old || !Mappings.Nodes.TryGetValue(old, out var node)) return null;
        if (await ExistsAsync(KubernetesResources.Nodes, node, cancellation)) return node;
        scope.Log.Warn(scope.Restore.Map(claim.Namespace()), $"persistentvolumeclaims {claim.QualifiedName()}: node {old} is mapped to {node}, which the cluster does not have; any node may be chosen");
        return null;
    }

    public static void SelectNode(JsonObject claim, string node) => claim.Child("metadata").Child("annotations")[SelectedNode] = node;

    private void MapImages(string groupResource, JsonObject item)
    {
        if (Mappings.Images.Count == 0) return;
        var pod = groupResource switch
        {
            "pods" => item.At("spec"),
            "cronjobs.batch" => item.At("spec", "jobTemplate", "spec", "template", "spec"),
            "deployments.apps" or "statefulsets.apps" or "daemonsets.apps" or "replicasets.apps" or "replicationcontrollers" or "jobs.batch" => item.At("spec", "template", "spec"),
            _ => null,
        };
        foreach (var container in pod.Objects("containers").Concat(pod.Objects("initContainers")))
        {
            if (container.Text("image") is not { Length: > 0 } image) continue;
            if (Mappings.Images.FirstOrDefault(r => image.Contains(r.Old, StringComparison.Ordinal)) is not { } rule) continue;
            container["image"] = image.Replace(rule.Old, rule.New, StringComparison.Ordinal);
        }
    }

    private async Task MapStorageClassAsync(JsonObject item, CancellationToken cancellation)
    {
        if (item.Text("spec", "storageClassName") is not { Length: > 0 } old || !Mappings.StorageClasses.TryGetValue(old, out var name)) return;
        if (!await ExistsAsync(KubernetesResources.StorageClasses, name, cancellation))
        {
            throw new InvalidDataException($"storage class {old} is mapped to {name}, which the cluster does not have");
        }

        item.Child("spec")["storageClassName"] = name;
    }

    private async Task<bool> ExistsAsync(ResourceKind kind, string name, CancellationToken cancellation)
    {
        if (!_exists.TryGetValue((kind.Plural, name), out var exists))
        {
            exists = await scope.Cluster.GetAsync(kind, null, name, cancellation) is not null;
            _exists[(kind.Plural, name)] = exists;
        }

        return exists;
    }
}
