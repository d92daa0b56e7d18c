using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Repository.Copying;

/// <summary>What became of a snapshot that was to be copied.</summary>
/// <param name="Original">The snapshot of the source.</param>
/// <param name="Copy">The one in the target; null when there is none.</param>
/// <param name="IsNew">Whether it was copied now.</param>
/// <param name="Failure">Why it could not be copied; null when nothing failed.</param>
public sealed record CopiedSnapshot(Snapshot Original, SnapshotId? Copy, bool IsNew, string? Failure);
