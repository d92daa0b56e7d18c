using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Snapshots;

/// <summary>A snapshot that was read.</summary>
/// <param name="Id">Its identity.</param>
/// <param name="Manifest">What it says.</param>
public sealed record Snapshot(SnapshotId Id, SnapshotManifest Manifest);
