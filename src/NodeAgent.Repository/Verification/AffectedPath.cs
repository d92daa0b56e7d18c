using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Verification;

/// <summary>A file or directory that cannot be restored whole.</summary>
/// <param name="Path">Path below the snapshot's root, empty for the root itself.</param>
/// <param name="Chunk">A chunk that it needs and that is damaged or missing.</param>
/// <param name="IsDirectory">Whether entries of a directory are lost: then all below may be.</param>
public sealed record AffectedPath(ReadOnlyMemory<byte> Path, ChunkId Chunk, bool IsDirectory);
