using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Snapshots;

/// <summary>The snapshot locations of a backup, or why they cannot be told; and what deserves a warning.</summary>
internal sealed record SnapshotChoice(IReadOnlyList<VolumeSnapshotLocation> Locations, IReadOnlyList<string> Errors, IReadOnlyList<string> Notes)
{
    public static SnapshotChoice None { get; } = new([], [], []);
}
