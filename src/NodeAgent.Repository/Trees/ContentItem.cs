using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>A run of bytes of a file, in file order: a data chunk that holds exactly them, or a hole.</summary>
/// <param name="Id">The data chunk; default for a hole.</param>
/// <param name="Length">Bytes of the file that it covers; at least 1.</param>
/// <param name="IsHole">Whether these bytes are a hole: zeros for which nothing is stored.</param>
public readonly record struct ContentItem(ChunkId Id, long Length, bool IsHole)
{
    /// <summary>An item of data.</summary>
    public static ContentItem Data(ChunkId id, int length) => new(id, length, false);

    /// <summary>A hole.</summary>
    public static ContentItem Hole(long length) => new(default, length, true);
}
