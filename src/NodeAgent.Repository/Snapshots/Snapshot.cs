using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Snapshots;

/// <summary>A snapshot that was read.</summary>
/// <param name="Id">Its identity.</param>
/// <param name="Manifest">What it says.</param>
public sealed record Snapshot(SnapshotId Id, SnapshotManifest Manifest)
{
    /// <summary>When the store received it, by the store's clock; of several copies, the first. Null when that is not known.</summary>
    public DateTimeOffset? Stored { get; init; }
}
