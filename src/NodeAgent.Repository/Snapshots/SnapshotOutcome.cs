namespace NodeAgent.Repository.Snapshots;

/// <summary>How a backup ended.</summary>
public enum SnapshotOutcome
{
    /// <summary>Everything was read.</summary>
    Completed,

    /// <summary>Something could not be read; the issues say what.</summary>
    PartiallyFailed,
}
