using NodeAgent.Repository.Repair;
using NodeAgent.Repository.Snapshots;

namespace NodeAgent.Repository.Copying;

/// <summary>What is copied, and how.</summary>
public sealed record SnapshotCopyOptions
{
    /// <summary>The snapshots of the source.</summary>
    public required IReadOnlyCollection<Snapshot> Snapshots { get; init; }

    /// <summary>Cut files anew, as the target's own backups cut them, so that copies and backups share chunks. It is done in any case when the chunkers' parameters differ.</summary>
    public bool Rechunk { get; init; }

    /// <summary>Only say what would be copied.</summary>
    public bool DryRun { get; init; }

    /// <summary>Chunks that are copied at once.</summary>
    public int Workers { get; init; } = 8;

    /// <summary>Who does it.</summary>
    public RepairOrigin Origin { get; init; } = new(null, null);
}
