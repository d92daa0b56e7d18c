using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>A directory in tree chunks of its own.</summary>
/// <param name="Root">The page at the top.</param>
/// <param name="Level">0 when the root holds entries, above that how many levels of pages lie below it.</param>
public sealed record PagedDirectory(ChunkId Root, int Level) : DirectoryContent;
