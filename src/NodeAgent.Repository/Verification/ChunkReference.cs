using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Verification;

/// <summary>A use of a chunk that a walk came across.</summary>
/// <param name="Id">The chunk.</param>
/// <param name="Kind">Its kind.</param>
/// <param name="Length">Its plain length: exact, or at least this when <paramref name="IsExact"/> is false.</param>
/// <param name="IsExact">False for pages, whose length nothing says, and for bundles, of which a slice is used.</param>
public readonly record struct ChunkReference(ChunkId Id, ChunkKind Kind, long Length, bool IsExact);
