using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>
/// Reads a whole chunk and verifies its id. The result belongs to the caller and is never changed. Throws
/// <see cref="RepositoryFormatException"/> for one longer than <paramref name="maxLength"/>, before it allocates.
/// </summary>
public delegate ValueTask<ReadOnlyMemory<byte>> ChunkSource(ChunkKind kind, ChunkId id, int maxLength, CancellationToken cancellationToken);
