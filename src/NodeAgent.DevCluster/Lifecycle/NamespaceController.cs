using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Storage;
using NodeAgent.DevCluster.Writes;

namespace NodeAgent.DevCluster.Lifecycle;

/// <summary>Gives new namespaces their default objects and empties those being deleted.</summary>
internal sealed class NamespaceController(ObjectStore store, ResourceRegistry registry, ResourceWriter writer) : IController
{
    public void Reconcile()
    {
        var type = registry.Get("", "namespaces");
        foreach (var ns in store.List("namespaces"))
        {
            if (ns.Content.IsDeleting())
                Empty(type, ns);
            else
            {
                if (store.Find("serviceaccounts", new ObjectKey(ns.Key.Name, "default")) is null)
                    ClusterSeed.CreateDefaultAccount(registry, writer, ns.Key.Name);
                if (store.Find("configmaps", new ObjectKey(ns.Key.Name, "kube-root-ca.crt")) is null)
                    ClusterSeed.CreateRootCertificate(registry, writer, ns.Key.Name);
            }
        }
    }

    private void Empty(ResourceType type, StoredObject ns)
    {
        var left = 0;
        foreach (var resource in registry.DistinctStored.Where(r => r.Namespaced).ToList())
        {
            foreach (var obj in store.List(resource.StorageKey, ns.Key.Name))
            {
                if (!obj.Content.IsDeleting() && writer.Delete(resource, obj.Key, new DeleteRequest()).Gone)
                    continue;
                left++;
            }
        }
        if (left == 0)
            writer.Change(type, ns.Key, n => n.Child("spec")["finalizers"] = new JsonArray());
        else
        {
            writer.Change(type, ns.Key, n => n.Child("status")["conditions"] = new JsonArray(new JsonObject
            {
                ["type"] = "NamespaceContentRemaining",
                ["status"] = "True",
                ["reason"] = "SomeResourcesRemain",
                ["message"] = $"{left} objects remain, waiting for their finalizers or grace periods",
                ["lastTransitionTime"] = ns.Content.Text("metadata", "deletionTimestamp"),
            }));
        }
    }
}
