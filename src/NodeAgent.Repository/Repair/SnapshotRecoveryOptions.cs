namespace NodeAgent.Repository.Repair;

/// <summary>What is recovered.</summary>
public sealed record SnapshotRecoveryOptions
{
    /// <summary>Only these directories, by the beginnings of their ids; null for all.</summary>
    public IReadOnlyCollection<string>? Roots { get; init; }

    /// <summary>Only list what there is.</summary>
    public bool DryRun { get; init; }

    /// <summary>Who does it.</summary>
    public RepairOrigin Origin { get; init; } = new(null, null);
}
