using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Repair;

/// <summary>Which snapshots are repaired, and how.</summary>
public sealed record SnapshotRepairOptions
{
    /// <summary>The snapshots to look at; null for all that are not forgotten.</summary>
    public IReadOnlyCollection<SnapshotId>? Snapshots { get; init; }

    /// <summary>Only say what would be done.</summary>
    public bool DryRun { get; init; }

    /// <summary>Forget the snapshots of which a repaired version is there, and those whose object is damaged.</summary>
    public bool Forget { get; init; }

    /// <summary>Who does it.</summary>
    public RepairOrigin Origin { get; init; } = new(null, null);
}
