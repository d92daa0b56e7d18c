namespace NodeAgent.Repository.Trees;

/// <summary>What differs between two entries of the same path. What a restore does not bring back (ctime, inode number) does not count.</summary>
[Flags]
public enum TreeChanges
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>It is only in the second.</summary>
    Added = 1 << 0,

    /// <summary>It is only in the first.</summary>
    Removed = 1 << 1,

    /// <summary>It is something else now, as a link where a file was.</summary>
    Type = 1 << 2,

    /// <summary>The bytes of a file, the target of a link, the numbers of a device.</summary>
    Content = 1 << 3,

    /// <summary>Owner, mode, modification time, extended attributes, flags.</summary>
    Metadata = 1 << 4,
}
