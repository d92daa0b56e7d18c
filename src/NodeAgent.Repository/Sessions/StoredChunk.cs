using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Sessions;

/// <summary>What storing a chunk did.</summary>
/// <param name="Id">The chunk.</param>
/// <param name="IsNew">Whether the repository did not have it.</param>
/// <param name="StoredLength">Bytes it takes in its pack; 0 when it is not new.</param>
public readonly record struct StoredChunk(ChunkId Id, bool IsNew, int StoredLength);
