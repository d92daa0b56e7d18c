using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Index;

/// <summary>A chunk that the index knows.</summary>
/// <param name="Ordinal">Below <see cref="ChunkIndex.OrdinalLimit"/>; its own, and stays while ordinals are held.</param>
/// <param name="Id">Only the first 20 bytes are set.</param>
/// <param name="Locations">All of them, in no order. Only until the enumeration goes on: the list is used again.</param>
internal readonly record struct IndexedChunk(long Ordinal, ChunkId Id, IReadOnlyList<IndexedLocation> Locations);
