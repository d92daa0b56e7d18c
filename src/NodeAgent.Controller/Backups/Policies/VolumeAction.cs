namespace NodeAgent.Controller.Backups.Policies;

/// <summary>What is done with the data of a volume.</summary>
internal enum VolumeAction
{
    /// <summary>Nothing.</summary>
    Skip,

    /// <summary>An agent reads its files.</summary>
    FsBackup,

    /// <summary>Its storage takes a snapshot.</summary>
    Snapshot,
}
