using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Interop;

/// <summary>What statx says of one file.</summary>
internal readonly record struct FileStatus(
    uint Mode, uint Links, uint UserId, uint GroupId, ulong Inode, ulong Device, ulong MountId, long Size, long Blocks,
    FileTimestamp Modified, FileTimestamp Changed, FileTimestamp? Birth, uint RdevMajor, uint RdevMinor)
{
    /// <summary>Whether a mount begins here; null where the kernel does not say.</summary>
    public bool? IsMountRoot { get; init; }

    /// <summary>What the file system said that cannot be, in words, and what is taken instead; null as a rule.</summary>
    public string? OutOfRange { get; init; }

    /// <summary>When the file was made; null also for 0, which file systems give for files that are older than their knowledge of it.</summary>
    public FileTimestamp? KnownBirth => Birth == default(FileTimestamp) ? null : Birth;

    private const uint TypeMask = 0xf000;

    /// <summary>The type, or null for one that cannot be stored.</summary>
    public TreeEntryType? Type => (Mode & TypeMask) switch
    {
        0x8000 => TreeEntryType.RegularFile,
        0x4000 => TreeEntryType.Directory,
        0xa000 => TreeEntryType.SymbolicLink,
        0x2000 => TreeEntryType.CharacterDevice,
        0x6000 => TreeEntryType.BlockDevice,
        0x1000 => TreeEntryType.Fifo,
        0xc000 => TreeEntryType.Socket,
        _ => null,
    };

    /// <summary>Permission, set-id and sticky bits.</summary>
    public uint Permissions => Mode & 0xfff;

    /// <summary>Whether blocks are missing, so that the file may have holes.</summary>
    public bool MayHaveHoles => Blocks * 512 < Size;
}
