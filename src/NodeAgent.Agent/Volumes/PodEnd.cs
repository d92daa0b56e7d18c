using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;

namespace NodeAgent.Agent.Volumes;

/// <summary>Reads off a pod whether work on one of its volumes has lost its data or its purpose. The kubelet takes the volumes of a pod away with it, and waits for those who have them open.</summary>
internal static class PodEnd
{
    /// <summary>
    /// Why a backup of a volume is to end; null when it may go on. A pod that is being deleted is backed up as long as one of its containers
    /// runs; after that the kubelet unmounts, and whoever drains the node waits for it.
    /// </summary>
    /// <param name="pod">The pod of that name as it is now; null for none.</param>
    /// <param name="uid">The UID of the pod that was to be backed up; empty for any.</param>
    public static string? OfBackup(KubernetesObject? pod, string name, string uid, string volume)
    {
        if (OfPod(pod, name, uid) is { } gone) return $"{gone} before the backup of its volume {volume} was complete";
        if (pod!.DeletionTimestamp is not null && !HasRunningContainer(pod)) return $"pod {name} was deleted and its containers have ended before the backup of its volume {volume} was complete";
        // Claims outlive the pod, and are not unmounted while they are read.
        return HasEnded(pod) && IsEmptyDir(pod, volume) ? $"pod {name} has ended before the backup of its volume {volume} was complete, and the kubelet removes such volumes then" : null;
    }

    /// <summary>Why a restore into a volume is to end; null when it may go on. Nobody will ever start on the data of a pod that is being deleted.</summary>
    public static string? OfRestore(KubernetesObject? pod, string name, string uid, string volume)
    {
        if (OfPod(pod, name, uid) is { } gone) return $"{gone} before its volume {volume} was restored";
        if (pod!.DeletionTimestamp is not null) return $"pod {name} was deleted before its volume {volume} was restored";
        return HasEnded(pod) ? $"pod {name} has ended ({pod.Status?["phase"]}) before its volume {volume} was restored" : null;
    }

    private static string? OfPod(KubernetesObject? pod, string name, string uid)
    {
        if (pod is null) return $"pod {name} was deleted";
        return uid.Length > 0 && pod.Uid != uid ? $"pod {name} was replaced by another of the same name" : null;
    }

    private static bool HasEnded(KubernetesObject pod) => pod.Status?["phase"]?.ToString() is "Succeeded" or "Failed";

    private static bool HasRunningContainer(KubernetesObject pod) =>
        !HasEnded(pod) && ((string[])["containerStatuses", "initContainerStatuses"])
            .SelectMany(field => (pod.Status?[field] as JsonArray ?? []).OfType<JsonObject>())
            .Any(container => (container["state"] as JsonObject)?["running"] is not null);

    private static bool IsEmptyDir(KubernetesObject pod, string volume) =>
        (pod.Spec?["volumes"] as JsonArray ?? []).OfType<JsonObject>().Any(v => v["name"]?.ToString() == volume && v["emptyDir"] is not null);
}
