namespace NodeAgent.Repository.Trees;

/// <summary>
/// One entry of a directory with everything that is kept of it. Entries that a reader returns share the memory of the page they
/// were read from: whoever keeps a few bytes of many entries for long copies them.
/// </summary>
public sealed class TreeEntry
{
    /// <summary>What it is; decides which of the last properties have a meaning.</summary>
    public required TreeEntryType Type { get; init; }

    /// <summary>The name as the kernel gives it: 1 to 255 bytes without '/' and NUL, in any encoding. Empty only for a snapshot's root.</summary>
    public required ReadOnlyMemory<byte> Name { get; init; }

    /// <summary>The 12 permission bits, set-uid and the like included; no file type.</summary>
    public required uint Mode { get; init; }

    /// <summary>The owner.</summary>
    public uint UserId { get; init; }

    /// <summary>The group.</summary>
    public uint GroupId { get; init; }

    /// <summary>When the content changed last (mtime).</summary>
    public FileTimestamp Modified { get; init; }

    /// <summary>When content or metadata changed last (ctime).</summary>
    public FileTimestamp Changed { get; init; }

    /// <summary>The inode number.</summary>
    public ulong Inode { get; init; }

    /// <summary>When the file was made, where the file system knows it.</summary>
    public FileTimestamp? Birth { get; init; }

    /// <summary>
    /// Set for a file with several names: the ordinal of its file system within the snapshot. Entries with the same ordinal and
    /// <see cref="Inode"/> are one file as a rule; see <see cref="HardLinkKey"/>.
    /// </summary>
    public ulong? HardLinkDevice { get; init; }

    /// <summary>The inode's flags as FS_IOC_GETFLAGS gives them; 0 for none.</summary>
    public uint InodeFlags { get; init; }

    /// <summary>Extended attributes, ACLs and capabilities among them. Any order; read back in the order of their names.</summary>
    public IReadOnlyList<ExtendedAttribute> ExtendedAttributes { get; init; } = [];

    /// <summary>Whether the file changed while it was read, so that its content may be of several moments, or some of its attributes could not be read.</summary>
    public bool ChangedWhileRead { get; init; }

    /// <summary>Whether content (or link target, or entries) could not be read, and is missing here.</summary>
    public bool UnreadableContent { get; init; }

    /// <summary>Whether a repair has left some of a file's content: holes stand in the place of what is lost.</summary>
    public bool IsPart => UnreadableContent && Content is not null and not EmptyContent;

    /// <summary>
    /// Size of a regular file in bytes: the length of <see cref="Content"/>, unless <see cref="UnreadableContent"/> is set.
    /// </summary>
    public long Size { get; init; }

    /// <summary>Content of a regular file; null otherwise.</summary>
    public FileContent? Content { get; init; }

    /// <summary>Content of a directory; null otherwise, and null in a carrier that is not complete yet.</summary>
    public DirectoryContent? Directory { get; init; }

    /// <summary>Target of a symbolic link; empty otherwise.</summary>
    public ReadOnlyMemory<byte> LinkTarget { get; init; }

    /// <summary>Major number of a device.</summary>
    public uint DeviceMajor { get; init; }

    /// <summary>Minor number of a device.</summary>
    public uint DeviceMinor { get; init; }

    /// <summary>The same entry with a directory's content, as <see cref="DirectoryWriter.CompleteAsync"/> returned it for this carrier.</summary>
    public TreeEntry WithDirectory(DirectoryContent directory, bool isIncomplete = false) => With(Content, directory, ExtendedAttributes, UnreadableContent || isIncomplete);

    /// <summary>The same entry, of a regular file, with its content.</summary>
    public TreeEntry WithContent(FileContent content) => With(content, null, ExtendedAttributes, UnreadableContent);

    /// <summary>The same entry with other content and attributes, of which it is told whether something is missing.</summary>
    internal TreeEntry With(FileContent? content, DirectoryContent? directory, IReadOnlyList<ExtendedAttribute> attributes, bool unreadableContent) => new()
    {
        Type = Type,
        Name = Name,
        Mode = Mode,
        UserId = UserId,
        GroupId = GroupId,
        Modified = Modified,
        Changed = Changed,
        Inode = Inode,
        Birth = Birth,
        HardLinkDevice = HardLinkDevice,
        InodeFlags = InodeFlags,
        ExtendedAttributes = attributes,
        ChangedWhileRead = ChangedWhileRead,
        UnreadableContent = unreadableContent,
        Size = Size,
        Content = content,
        Directory = directory,
        LinkTarget = LinkTarget,
        DeviceMajor = DeviceMajor,
        DeviceMinor = DeviceMinor,
    };
}
