namespace NodeAgent.Filesystem.Capture;

/// <summary>What the walk has to do with a name that was looked at ahead of it.</summary>
internal enum SeenKind : byte
{
    /// <summary>Everything: it was not looked at, or there is something about it that the order of the walk decides, or that somebody must be told.</summary>
    Nothing,

    /// <summary>A pattern leaves it out.</summary>
    LeftOut,

    /// <summary>A link: its entry is complete.</summary>
    Link,

    /// <summary>A file that is as it was in the parent snapshot, whose entry is taken from there.</summary>
    Unchanged,

    /// <summary>A small file with its content.</summary>
    Content,

    /// <summary>A directory, which may be open and listed.</summary>
    Directory,
}
