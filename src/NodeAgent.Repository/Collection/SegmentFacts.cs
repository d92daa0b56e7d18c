using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Collection;

/// <summary>What a collector keeps of an index segment.</summary>
/// <param name="Hash">The hash in its name.</param>
/// <param name="Written">When.</param>
/// <param name="Packs">The packs that it names.</param>
/// <param name="Superseded">Hashes of segments that it replaces.</param>
internal sealed record SegmentFacts(ChunkId Hash, DateTimeOffset Written, IReadOnlyList<PackId> Packs, IReadOnlyList<ChunkId> Superseded);
