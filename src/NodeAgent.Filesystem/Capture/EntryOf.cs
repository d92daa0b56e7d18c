using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>Makes entries of what the kernel says, and of what was read.</summary>
internal static class EntryOf
{
    /// <summary>Of an inode's flags only those that a user sets: the others say how the file system stores the file.</summary>
    private const uint SettableFlags = 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x00800000 | 0x10000 | 0x20000 | 0x4000;

    /// <summary>The flags of an open file that are kept.</summary>
    public static uint FlagsOf(DirectoryHandle file) => (Files.InodeFlags(file) ?? 0) & SettableFlags;

    /// <summary>An entry; a file is without its content, a directory without its entries.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="status">What it is.</param>
    /// <param name="attributes">Its extended attributes, as they are stored.</param>
    /// <param name="inodeFlags">See <see cref="FlagsOf"/>.</param>
    /// <param name="hardLinkDevice">Set for a file with several names.</param>
    /// <param name="linkTarget">Of a symbolic link.</param>
    /// <param name="isUnreadable">Whether its content could not be read.</param>
    /// <param name="isPartial">Whether attributes could not be read, so that the next backup has to ask again.</param>
    public static TreeEntry Status(
        byte[] name, in FileStatus status, IReadOnlyList<ExtendedAttribute> attributes, uint inodeFlags, ulong? hardLinkDevice, ReadOnlyMemory<byte> linkTarget, bool isUnreadable,
        bool isPartial = false)
    {
        var type = status.Type!.Value;
        var isDevice = type is TreeEntryType.CharacterDevice or TreeEntryType.BlockDevice;
        return new TreeEntry
        {
            Type = type,
            Name = name,
            Mode = status.Permissions,
            UserId = status.UserId,
            GroupId = status.GroupId,
            Modified = status.Modified,
            Changed = status.Changed,
            Birth = status.Birth,
            Inode = status.Inode,
            HardLinkDevice = hardLinkDevice,
            InodeFlags = inodeFlags,
            ExtendedAttributes = attributes,
            ChangedWhileRead = isPartial,
            UnreadableContent = isUnreadable,
            Size = type == TreeEntryType.RegularFile ? status.Size : 0,
            Content = type == TreeEntryType.RegularFile ? EmptyContent.Instance : null,
            Directory = type == TreeEntryType.Directory ? EmptyDirectory.Instance : null,
            LinkTarget = linkTarget,
            DeviceMajor = isDevice ? status.RdevMajor : 0,
            DeviceMinor = isDevice ? status.RdevMinor : 0,
        };
    }

    /// <summary>
    /// The entry of a regular file with what was read of it. What can change of a file is that of the moment when its content was read, also where this is another
    /// name of it and was looked at later.
    /// </summary>
    public static TreeEntry WithContent(TreeEntry entry, CapturedContent content) => new()
    {
        Type = entry.Type,
        Name = entry.Name,
        Mode = content.Moment.Mode,
        UserId = content.Moment.UserId,
        GroupId = content.Moment.GroupId,
        Modified = content.Moment.Modified,
        Changed = content.Moment.Changed,
        Birth = entry.Birth,
        Inode = entry.Inode,
        HardLinkDevice = entry.HardLinkDevice,
        InodeFlags = content.Attributes?.InodeFlags ?? entry.InodeFlags,
        ExtendedAttributes = content.Attributes?.Extended ?? entry.ExtendedAttributes,
        ChangedWhileRead = entry.ChangedWhileRead || content.Changed || content.Attributes is { AreComplete: false },
        UnreadableContent = content.Content is null,
        Size = content.Content is null ? entry.Size : content.Size,
        Content = content.Content ?? EmptyContent.Instance,
    };
}
