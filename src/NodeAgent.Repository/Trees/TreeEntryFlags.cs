namespace NodeAgent.Repository.Trees;

/// <summary>The flags of an encoded entry: which optional fields follow, and what is to be known about the content.</summary>
[Flags]
internal enum TreeEntryFlags
{
    None = 0,
    HardLinked = 1 << 0,
    ExtendedAttributes = 1 << 1,
    InodeFlags = 1 << 2,
    BirthTime = 1 << 3,
    ChangedWhileRead = 1 << 4,
    UnreadableContent = 1 << 5,
    All = (1 << 6) - 1,
}
