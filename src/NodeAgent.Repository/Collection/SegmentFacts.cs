using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>What is kept of an index segment.</summary>
/// <param name="Hash">The hash in its name.</param>
/// <param name="Length">Bytes of the object.</param>
/// <param name="Written">When.</param>
/// <param name="Packs">The packs that it names.</param>
/// <param name="Superseded">Hashes of segments that it replaces.</param>
internal sealed record SegmentFacts(ChunkId Hash, long Length, DateTimeOffset Written, IReadOnlyList<PackId> Packs, IReadOnlyList<ChunkId> Superseded);
