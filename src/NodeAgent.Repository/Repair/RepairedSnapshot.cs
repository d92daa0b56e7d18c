using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Repository.Repair;

/// <summary>A snapshot of which something is lost.</summary>
/// <param name="Original">The snapshot.</param>
/// <param name="Repaired">The version without what is lost; null when nothing was written.</param>
/// <param name="Losses">What is lost.</param>
/// <param name="IsForgotten">Whether the original was forgotten.</param>
public sealed record RepairedSnapshot(Snapshot Original, SnapshotId? Repaired, IReadOnlyList<TreeLoss> Losses, bool IsForgotten)
{
    /// <summary>Files whose content another snapshot of the same source has.</summary>
    public long Regained { get; init; }

    /// <summary>Whether an earlier repair wrote the repaired version.</summary>
    public bool IsKnown { get; init; }
}
