using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;

namespace NodeAgent.Controller.Snapshots.Csi;

/// <summary>One VolumeSnapshot on its way, and what became of it.</summary>
internal sealed class CsiSnapshot(JsonObject claim, JsonObject volume, JsonObject snapshot, string className)
{
    public JsonObject Claim => claim;

    public JsonObject Volume => volume;

    public string ClassName => className;

    public string Driver => volume.Text("spec", "csi", "driver") ?? "";

    /// <summary>The VolumeSnapshot as it was last seen.</summary>
    public JsonObject Snapshot { get; set; } = snapshot;

    /// <summary>Its VolumeSnapshotContent; null before there is one.</summary>
    public JsonObject? Content { get; set; }

    /// <summary>Ends when the driver has cut the snapshot, so that the volume may change again, or when that failed.</summary>
    public Task Cut { get; set; } = Task.CompletedTask;

    /// <summary>Why it failed, in a sentence; null when it did not.</summary>
    public string? Problem { get; set; }

    public bool IsReady { get; set; }

    public string? Handle => Content.Text("status", "snapshotHandle");
}
