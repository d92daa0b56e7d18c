using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Repair;

/// <summary>Which packs are repaired, and how.</summary>
public sealed record PackRepairOptions
{
    /// <summary>The packs to look at. Null for all: those that are missing or have another length than the index says.</summary>
    public IReadOnlyCollection<PackId>? Packs { get; init; }

    /// <summary>With all packs: read each, so that those are found too in which bytes were altered.</summary>
    public bool ReadData { get; init; }

    /// <summary>Only say what would be done.</summary>
    public bool DryRun { get; init; }

    /// <summary>Go on even when most packs are missing, which looks as if the store were not there as a whole.</summary>
    public bool AllowMassRemoval { get; init; }

    /// <summary>Who does it.</summary>
    public RepairOrigin Origin { get; init; } = new(null, null);
}
