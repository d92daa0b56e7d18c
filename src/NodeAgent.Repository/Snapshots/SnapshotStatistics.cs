namespace NodeAgent.Repository.Snapshots;

/// <summary>Counts of one backup.</summary>
public sealed record SnapshotStatistics
{
    /// <summary>Regular files.</summary>
    public long Files { get; init; }

    /// <summary>Directories.</summary>
    public long Directories { get; init; }

    /// <summary>Symbolic links.</summary>
    public long Symlinks { get; init; }

    /// <summary>Devices, pipes and sockets.</summary>
    public long Others { get; init; }

    /// <summary>Bytes in the files.</summary>
    public long Bytes { get; init; }

    /// <summary>Bytes the repository did not have, before compression.</summary>
    public long NewBytes { get; init; }

    /// <summary>Bytes added to the store.</summary>
    public long StoredBytes { get; init; }

    /// <summary>Files taken from the parent without being read.</summary>
    public long UnchangedFiles { get; init; }

    /// <summary>Files that are new against the parent.</summary>
    public long NewFiles { get; init; }

    /// <summary>Files that differ from the parent's.</summary>
    public long ChangedFiles { get; init; }
}
