using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Index;

/// <summary>Where a chunk's envelope is.</summary>
/// <param name="Pack">The pack.</param>
/// <param name="Offset">Of the envelope in the pack.</param>
/// <param name="StoredLength">Of the envelope.</param>
/// <param name="PlainLength">Of the chunk.</param>
/// <param name="Kind">What the chunk holds.</param>
public readonly record struct ChunkLocation(PackId Pack, long Offset, int StoredLength, int PlainLength, ChunkKind Kind);
