using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Selectors;
using NodeAgent.DevCluster.Storage;
using NodeAgent.DevCluster.Writes;

namespace NodeAgent.DevCluster.Workloads;

/// <summary>What all workload controllers do: find and adopt what matches their selector, and make pods from a template.</summary>
internal sealed class PodOwners(ObjectStore store, ResourceRegistry registry, ResourceWriter writer)
{
    /// <summary>The live objects this owner controls, after adopting those that match its selector and have no controller.</summary>
    public List<StoredObject> Owned(JsonObject owner, string resource)
    {
        var selector = LabelSelector.From(owner.FindObject("spec", "selector"));
        var result = new List<StoredObject>();
        var type = registry.Get(resource.Contains('.') ? resource[(resource.IndexOf('.') + 1)..] : "", resource.Split('.')[0]);
        foreach (var obj in store.List(resource, owner.Namespace()).Where(o => !o.Content.IsDeleting()))
        {
            var controller = obj.Content.ControllerRef();
            if (controller is null && !selector.IsEmpty && selector.Matches(obj.Content.Labels()))
            {
                writer.Change(type, obj.Key, o => o.Meta().ChildArray("ownerReferences").Append(Reference(owner)));
                result.Add(store.Find(type, obj.Key) ?? obj);
            }
            else if (controller.Text("uid") == owner.Uid())
                result.Add(obj);
        }
        return result;
    }

    public void CreatePod(JsonObject owner, string? name, Action<JsonObject>? adjust = null)
    {
        var template = owner.FindObject("spec", "template") ?? [];
        var meta = new JsonObject { ["ownerReferences"] = new JsonArray(Reference(owner)) };
        foreach (var field in (string[])["labels", "annotations"])
        {
            if (template.FindObject("metadata", field) is { } map)
                meta[field] = map.DeepClone();
        }
        if (name is null)
            meta["generateName"] = owner.Name() + "-";
        else
            meta["name"] = name;
        var pod = new JsonObject { ["metadata"] = meta, ["spec"] = (template.FindObject("spec") ?? []).DeepClone() };
        adjust?.Invoke(pod);
        writer.Create(registry.Get("", "pods"), owner.Namespace(), pod, WriteOptions.Internal);
    }

    public void DeletePod(StoredObject pod) => writer.Delete(registry.Get("", "pods"), pod.Key, new DeleteRequest { Uid = pod.Content.Uid() });

    public static JsonObject Reference(JsonObject owner) => new()
    {
        ["apiVersion"] = owner.Text("apiVersion"),
        ["kind"] = owner.Text("kind"),
        ["name"] = owner.Name(),
        ["uid"] = owner.Uid(),
        ["controller"] = true,
        ["blockOwnerDeletion"] = true,
    };

    public static bool IsReady(StoredObject pod) => pod.Content.Items("status", "conditions").Any(c => c.Text("type") == "Ready" && c.Text("status") == "True");

    public static bool IsOver(StoredObject pod) => pod.Content.Text("status", "phase") is "Succeeded" or "Failed";
}
