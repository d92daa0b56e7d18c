using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Index;

/// <summary>A pack that the index knows.</summary>
/// <param name="Ordinal">Below <see cref="ChunkIndex.PackOrdinalLimit"/>; stays while ordinals are held.</param>
/// <param name="Pack">The pack.</param>
/// <param name="Size">Bytes of the object.</param>
/// <param name="Chunks">How many it holds.</param>
/// <param name="Standing">How far it can be relied on.</param>
internal readonly record struct IndexedPack(int Ordinal, PackId Pack, long Size, int Chunks, PackStanding Standing);
