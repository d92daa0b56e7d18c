namespace NodeAgent.Repository.Trees;

/// <summary>Bounds that writers keep and readers insist on, so that no repository can make a reader allocate or loop without end.</summary>
public static class TreeLimits
{
    /// <summary>Bytes in a name: NAME_MAX.</summary>
    public const int MaxNameLength = 255;

    /// <summary>Directories below one another.</summary>
    public const int MaxDepth = 4096;

    /// <summary>Bytes in the target of a symbolic link: PATH_MAX.</summary>
    public const int MaxLinkTarget = 4096;

    /// <summary>Bytes in the name of an extended attribute: XATTR_NAME_MAX.</summary>
    public const int MaxAttributeName = 255;

    /// <summary>Bytes in an extended attribute's value: XATTR_SIZE_MAX.</summary>
    public const int MaxAttributeValue = 64 << 10;

    /// <summary>Extended attributes of one entry: what fits the 64 KiB list of names (XATTR_LIST_MAX), generously.</summary>
    public const int MaxAttributes = 32 << 10;

    /// <summary>Bytes of a file's content held in its entry.</summary>
    public const int MaxInlineFile = 64 << 10;

    /// <summary>Bytes of a directory's entries held in the entry that carries it.</summary>
    public const int MaxInlineDirectory = 64 << 10;

    /// <summary>Plaintext of a tree page or a list chunk.</summary>
    public const int MaxTreeChunk = 1 << 20;

    /// <summary>An encoded entry: a page that holds nothing else.</summary>
    public const int MaxEntryLength = MaxTreeChunk - 64;

    /// <summary>Plaintext of a data chunk.</summary>
    public const int MaxDataChunk = 16 << 20;

    /// <summary>Items that a file's entry holds itself; more are indirect.</summary>
    public const int MaxDirectItems = 16;

    /// <summary>Items in one list chunk.</summary>
    public const int MaxListItems = 2048;

    /// <summary>Levels of pages: each but the lowest has at least two children a page, and in practice hundreds.</summary>
    public const int MaxPageLevel = 32;

    /// <summary>Levels of lists: each but the last chunk of a level has at least 64 items.</summary>
    public const int MaxListLevel = 10;

    /// <summary>Returns why the bytes cannot be the name of a directory's entry, or null when they can.</summary>
    public static string? CheckName(ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty)
            return "the name is empty";
        if (name.Length > MaxNameLength)
            return $"the name has {name.Length} bytes, more than {MaxNameLength}";
        if (name.IndexOfAny((byte)0, (byte)'/') is var at and >= 0)
            return name[at] == 0 ? "the name contains a NUL byte" : "the name contains a slash";
        if (name.SequenceEqual("."u8) || name.SequenceEqual(".."u8))
            return "the name is \".\" or \"..\"";
        return null;
    }

    /// <summary>Returns why the bytes cannot be the target of a symbolic link, or null when they can.</summary>
    public static string? CheckLinkTarget(ReadOnlySpan<byte> target)
    {
        if (target.IsEmpty)
            return "the link target is empty";
        if (target.Length > MaxLinkTarget)
            return $"the link target has more than {MaxLinkTarget} bytes";
        return target.Contains((byte)0) ? "the link target contains a NUL byte" : null;
    }
}
