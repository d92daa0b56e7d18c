namespace NodeAgent.Repository.Repair;

/// <summary>What is lost.</summary>
public enum TreeLossKind
{
    /// <summary>All of a file's content. Its entry stays, marked as unreadable.</summary>
    File,

    /// <summary>Parts of a file's content. Zeros stand in their place, and the file is marked.</summary>
    Part,

    /// <summary>The value of an extended attribute, which is left out.</summary>
    Attribute,

    /// <summary>Entries of a directory with all below them. The directory is marked.</summary>
    Entries,
}
