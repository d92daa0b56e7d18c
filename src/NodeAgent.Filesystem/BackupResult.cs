using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Filesystem;

/// <summary>How a backup ended.</summary>
/// <param name="Id">The snapshot.</param>
/// <param name="Manifest">What it says: outcome, statistics, issues.</param>
public sealed record BackupResult(SnapshotId Id, SnapshotManifest Manifest)
{
    /// <summary>Mounts below the source that were not gone into, as <see cref="BackupRequest.OneFileSystem"/> asks.</summary>
    public LeftOutMounts LeftOut { get; init; } = LeftOutMounts.None;

    /// <summary>Whether every file was read.</summary>
    public bool IsComplete => Manifest.Outcome == SnapshotOutcome.Completed;
}
