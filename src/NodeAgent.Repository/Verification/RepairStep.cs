namespace NodeAgent.Repository.Verification;

/// <summary>A repair, in the order in which repairs are made: each one relies on those before it.</summary>
public enum RepairStep
{
    /// <summary>The index is made whole.</summary>
    Index,

    /// <summary>What is sound in damaged packs is saved.</summary>
    Packs,

    /// <summary>Snapshots are written anew without what is lost.</summary>
    Snapshots,
}
