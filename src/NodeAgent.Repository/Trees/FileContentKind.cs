namespace NodeAgent.Repository.Trees;

/// <summary>The byte before a regular file's content.</summary>
internal enum FileContentKind : byte
{
    Empty = 0,
    Inline = 1,
    Bundle = 2,
    List = 3,
    Indirect = 4,
    Hole = 5,
}
