namespace NodeAgent.Repository.Trees;

/// <summary>The byte before a directory's content.</summary>
internal enum DirectoryContentKind : byte
{
    Empty = 0,
    Inline = 1,
    Paged = 2,
}
