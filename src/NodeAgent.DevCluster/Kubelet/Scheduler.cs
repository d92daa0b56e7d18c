using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Lifecycle;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Storage;
using NodeAgent.DevCluster.Writes;

namespace NodeAgent.DevCluster.Kubelet;

/// <summary>Assigns each pod to the node with the fewest pods among those its nodeSelector allows.</summary>
internal sealed class Scheduler(ObjectStore store, ResourceRegistry registry, ResourceWriter writer, EventRecorder events) : IController
{
    public void Reconcile()
    {
        var pods = store.List("pods");
        foreach (var pod in pods.Where(p => p.Content.Text("spec", "nodeName").Length == 0 && !p.Content.IsDeleting()))
        {
            if (pod.Content.Find("spec", "schedulingGates") is JsonArray { Count: > 0 })
                continue;
            // A claim binds first, as it does where volumes are tied to places.
            if (pod.Content.Items("spec", "volumes").Select(v => PodVolumes.ClaimOf(pod.Content, v)).Any(c => c.Length > 0 && !IsBound(pod.Key.Namespace, c)))
            {
                writer.Change(registry.Get("", "pods"), pod.Key, p => p.Child("status")["conditions"] = new JsonArray(Waiting(p, events.Now)));
                continue;
            }
            var wanted = pod.Content.FindObject("spec", "nodeSelector").TextMap();
            var node = store.List("nodes")
                .Where(n => !n.Content.Flag("spec", "unschedulable") && wanted.All(w => n.Content.Labels().TryGetValue(w.Key, out var value) && value == w.Value))
                .MinBy(n => store.List("pods").Count(p => p.Content.Text("spec", "nodeName") == n.Key.Name));
            if (node is null)
                continue;
            var now = events.Now;
            writer.Change(registry.Get("", "pods"), pod.Key, p =>
            {
                p.Child("spec")["nodeName"] = node.Key.Name;
                p.Child("status")["conditions"] = new JsonArray(Condition("PodScheduled", true, now));
            });
            events.Record(pod.Content, "Normal", "Scheduled", $"Successfully assigned {pod.Key.Namespace}/{pod.Key.Name} to {node.Key.Name}", "default-scheduler");
        }
    }

    private bool IsBound(string ns, string claim) => store.Find("persistentvolumeclaims", new ObjectKey(ns, claim))?.Content.Text("status", "phase") == "Bound";

    private static JsonObject Waiting(JsonObject pod, string now)
    {
        var known = pod.Items("status", "conditions").FirstOrDefault(c => c.Text("type") == "PodScheduled");
        var condition = Condition("PodScheduled", false, known.Text("lastTransitionTime") is { Length: > 0 } since ? since : now);
        condition["reason"] = "Unschedulable";
        condition["message"] = "pod has unbound or missing PersistentVolumeClaims";
        return condition;
    }

    public static JsonObject Condition(string type, bool status, string now) => new()
    {
        ["type"] = type,
        ["status"] = status ? "True" : "False",
        ["lastProbeTime"] = null,
        ["lastTransitionTime"] = now,
    };
}
