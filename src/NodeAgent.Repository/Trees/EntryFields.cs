namespace NodeAgent.Repository.Trees;

/// <summary>The fields of one entry that was read and checked in place: no memory of its own but these numbers.</summary>
internal struct EntryFields
{
    public TreeEntryType Type;
    public TreeEntryFlags Flags;
    public int NameStart;
    public int NameLength;
    public uint Mode;
    public DeltaBase Base;
    public FileTimestamp Modified;
    public FileTimestamp Changed;
    public FileTimestamp Birth;
    public ulong Device;
    public uint InodeFlags;

    /// <summary>Where the count of extended attributes is.</summary>
    public int AttributesStart;

    /// <summary>Where the fields that depend on the type begin; for a regular file after its size.</summary>
    public int ContentStart;
    public int End;
    public long Size;
}
