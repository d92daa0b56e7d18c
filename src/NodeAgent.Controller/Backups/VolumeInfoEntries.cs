using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Backups;

/// <summary>
/// Entries of the volumeinfo file in Velero's shape. Fields that Velero leaves out when they are empty are left out here too; the phase
/// has a capital letter because its writer gives it no other name.
/// </summary>
internal static class VolumeInfoEntries
{
    /// <summary>The entry of a volume whose files were read, without its claim.</summary>
    public static JsonObject OfFiles(JsonObject volume)
    {
        var entry = new JsonObject { ["backupMethod"] = "PodVolumeBackup", ["snapshotDataMoved"] = false, ["preserveLocalSnapshot"] = false, ["skipped"] = false };
        if (volume.Text("status", "startTimestamp") is { } start) entry["startTimestamp"] = start;
        if (volume.Text("status", "completionTimestamp") is { } end) entry["completionTimestamp"] = end;
        var phase = volume.Text("status", "phase") ?? "";
        entry["result"] = phase == PodVolumePhase.Completed ? "succeeded" : "failed";
        var info = new JsonObject();
        if (volume.Text("status", "snapshotID") is { Length: > 0 } id) info["snapshotHandle"] = id;
        if (volume.Number("status", "progress", "totalBytes") is not 0 and var size) info["size"] = size;
        if (volume.Number("status", "incrementalBytes") is not 0 and var added) info["incrementalSize"] = added;
        info["uploaderType"] = volume.Text("spec", "uploaderType") ?? "";
        info["volumeName"] = volume.Text("spec", "volume") ?? "";
        info["podName"] = volume.Text("spec", "pod", "name") ?? "";
        info["podNamespace"] = volume.Text("spec", "pod", "namespace") ?? "";
        if (volume.Text("spec", "node") is { Length: > 0 } node) info["nodeName"] = node;
        info["Phase"] = phase;
        entry["pvbInfo"] = info;
        return entry;
    }
}
