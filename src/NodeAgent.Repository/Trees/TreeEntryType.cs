namespace NodeAgent.Repository.Trees;

/// <summary>What a directory entry is. The values are part of the format.</summary>
public enum TreeEntryType : byte
{
    /// <summary>A file with content.</summary>
    RegularFile = 1,

    /// <summary>A directory.</summary>
    Directory = 2,

    /// <summary>A symbolic link.</summary>
    SymbolicLink = 3,

    /// <summary>A character device.</summary>
    CharacterDevice = 4,

    /// <summary>A block device.</summary>
    BlockDevice = 5,

    /// <summary>A named pipe.</summary>
    Fifo = 6,

    /// <summary>A UNIX-domain socket.</summary>
    Socket = 7,
}
