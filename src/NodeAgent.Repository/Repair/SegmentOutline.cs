using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Repair;

/// <summary>What a repair keeps of an index segment.</summary>
/// <param name="Key">The object.</param>
/// <param name="Hash">The hash in its name.</param>
/// <param name="Packs">What it names.</param>
/// <param name="Superseded">Hashes in the names of segments that it replaces.</param>
internal sealed record SegmentOutline(string Key, ChunkId Hash, IReadOnlyList<PackId> Packs, IReadOnlyList<ChunkId> Superseded);
