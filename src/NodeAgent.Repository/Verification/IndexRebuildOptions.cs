using NodeAgent.Repository.Repair;

namespace NodeAgent.Repository.Verification;

/// <summary>How the index is rebuilt.</summary>
public sealed record IndexRebuildOptions
{
    /// <summary>Only say what would be done.</summary>
    public bool DryRun { get; init; }

    /// <summary>Go on even when most packs are missing, which looks as if the store were not there as a whole.</summary>
    public bool AllowMassRemoval { get; init; }

    /// <summary>Who does it.</summary>
    public RepairOrigin Origin { get; init; } = new(null, null);
}
