namespace NodeAgent.Repository.Index;

/// <summary>One of a chunk's locations.</summary>
/// <param name="Location">The place.</param>
/// <param name="PackOrdinal">As in <see cref="IndexedPack.Ordinal"/>.</param>
/// <param name="Standing">How far its pack can be relied on.</param>
internal readonly record struct IndexedLocation(ChunkLocation Location, int PackOrdinal, PackStanding Standing);
