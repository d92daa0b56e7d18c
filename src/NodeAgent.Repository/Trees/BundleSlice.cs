using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>The content of a small file, held in a data chunk together with other small files.</summary>
/// <param name="Chunk">The data chunk.</param>
/// <param name="Offset">Where in the chunk's plaintext the file begins.</param>
/// <param name="SliceLength">The file's size; at least 1.</param>
public sealed record BundleSlice(ChunkId Chunk, int Offset, int SliceLength) : FileContent
{
    /// <inheritdoc/>
    public override long Length => SliceLength;
}
