namespace NodeAgent.Repository.Objects;

/// <summary>A chunk is in no index segment.</summary>
public sealed class ChunkNotFoundException(ChunkId id)
    : RepositoryException($"chunk {id} is not in the index: run \"nodeagent repo check\" to see which files are affected")
{
    /// <summary>The chunk.</summary>
    public ChunkId Id { get; } = id;
}
