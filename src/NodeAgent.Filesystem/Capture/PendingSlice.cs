using NodeAgent.Repository.Objects;

namespace NodeAgent.Filesystem.Capture;

/// <summary>Where a small file will be found when its bundle is stored.</summary>
/// <param name="Chunk">The bundle.</param>
/// <param name="Offset">Of the file in it.</param>
/// <param name="Length">Of the file.</param>
internal sealed record PendingSlice(Task<ChunkId> Chunk, int Offset, int Length);
