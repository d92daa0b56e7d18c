namespace NodeAgent.Repository.Objects;

/// <summary>What a chunk holds; each kind has its own key for ids. The values are part of the format.</summary>
public enum ChunkKind : byte
{
    /// <summary>File data.</summary>
    Data = 1,

    /// <summary>A page of a directory.</summary>
    Tree = 2,

    /// <summary>A part of the list of a large file's chunks.</summary>
    List = 3,
}
