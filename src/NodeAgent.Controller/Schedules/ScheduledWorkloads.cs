using System.Text.Json.Nodes;
using NodeAgent.Controller.Backups;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Schedules;

/// <summary>
/// Finds the pods that an annotation of theirs or of an owner puts on a schedule. The look is repeated as long as the program runs, also where nobody uses such annotations, so
/// that it asks for metadata alone, out of what the API server remembers.
/// </summary>
internal static class ScheduledWorkloads
{
    /// <summary>Annotation of a pod or of what owns it: a cron expression.</summary>
    public const string Annotation = "nodeagent.io/schedule";

    // From the nearest to the farthest: a Deployment's pods belong to one of its ReplicaSets.
    private static readonly ResourceKind[] OwnerKinds =
    [
        new("apps", "v1", "replicasets", "ReplicaSet"), new("apps", "v1", "deployments", "Deployment"), new("apps", "v1", "statefulsets", "StatefulSet"), new("apps", "v1", "daemonsets", "DaemonSet"),
    ];

    private static readonly ListOptions Metadata = new() { MetadataOnly = true, FromCache = true };

    // The metadata does not say whether a pod has ended.
    private static readonly ListOptions LivingPods = Metadata with { FieldSelector = "status.phase!=Succeeded,status.phase!=Failed" };

    // What others annotate, such as the whole object as it was applied, is not kept.
    private static readonly string[] Annotations = [Annotation, BackupLocations.Annotation, VeleroLabels.BackupVolumes];

    public static async Task<IReadOnlyList<ScheduledWorkload>> FindAsync(ClusterClient cluster, CancellationToken cancellation)
    {
        var owners = new Dictionary<string, JsonObject>(StringComparer.Ordinal);
        foreach (var kind in OwnerKinds)
        {
            try
            {
                await foreach (var owner in cluster.ListByAsync(kind, null, Metadata, cancellation)) owners[owner.Uid()] = Outline(owner);
            }
            catch (ApiException e) when (e.IsNotFound)
            {
                // A cluster without the type has none of them.
            }
        }

        var found = new Dictionary<string, (JsonObject Root, string Expression, string? Locations, List<JsonObject> Pods)>(StringComparer.Ordinal);
        await foreach (var pod in cluster.ListByAsync(KubernetesResources.Pods, null, LivingPods, cancellation))
        {
            // A server that cannot leave the status out sends it.
            if (pod.Text("status", "phase") is "Succeeded" or "Failed" || pod.Text("metadata", "deletionTimestamp") is not null) continue;
            var chain = ChainOf(pod, owners);
            if (chain.Select(o => o.Annotation(Annotation)).FirstOrDefault(a => a is not null) is not { } expression) continue;
            var root = chain[^1];
            var locations = chain.Select(o => o.Annotation(BackupLocations.Annotation)).FirstOrDefault(a => a is not null);
            if (!found.TryGetValue(root.Uid(), out var known)) found[root.Uid()] = known = (root, expression, locations, []);
            known.Pods.Add(Outline(pod));
        }

        return [.. found.Values.Select(f => new ScheduledWorkload(f.Root, f.Expression, [.. f.Pods.OrderBy(p => p.Name(), StringComparer.Ordinal)], f.Locations))];
    }

    /// <summary>The pod, then its owner, then the owner's, as far as they are known.</summary>
    private static List<JsonObject> ChainOf(JsonObject pod, Dictionary<string, JsonObject> owners)
    {
        var chain = new List<JsonObject> { Outline(pod) };
        while (chain[^1].Objects("metadata", "ownerReferences").FirstOrDefault(o => o.IsTrue("controller")).Text("uid") is { } uid && owners.TryGetValue(uid, out var owner) && chain.Count <= OwnerKinds.Length)
        {
            chain.Add(owner);
        }

        return chain;
    }

    /// <summary>What is needed of an object, so that a look at a large cluster does not hold all of it.</summary>
    private static JsonObject Outline(JsonObject item) => new()
    {
        ["apiVersion"] = item["apiVersion"]?.DeepClone(),
        ["kind"] = item["kind"]?.DeepClone(),
        ["metadata"] = new JsonObject
        {
            ["name"] = item.Name(),
            ["namespace"] = item.Namespace(),
            ["uid"] = item.Uid(),
            ["creationTimestamp"] = item.At("metadata", "creationTimestamp")?.DeepClone(),
            ["annotations"] = new JsonObject(Annotations.Where(a => item.Annotation(a) is not null).Select(a => KeyValuePair.Create(a, (JsonNode?)item.Annotation(a)))),
            ["ownerReferences"] = item.At("metadata", "ownerReferences")?.DeepClone(),
        },
    };
}
