using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;

namespace NodeAgent.Controller.Snapshots;

/// <summary>What the volumeinfo file keeps of a PersistentVolume, because a volume that is provisioned anew loses it.</summary>
internal static class VolumeSummary
{
    public static JsonObject Of(JsonObject volume) => new()
    {
        ["reclaimPolicy"] = volume.Text("spec", "persistentVolumeReclaimPolicy") ?? "",
        ["labels"] = volume.At("metadata", "labels")?.DeepClone(),
    };
}
