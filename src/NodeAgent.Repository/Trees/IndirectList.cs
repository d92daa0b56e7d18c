using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>The content of a large file: the root of a tree of list chunks.</summary>
/// <param name="Root">The list chunk at the top.</param>
/// <param name="Level">0 when the root holds items, above that how many levels of lists lie below it.</param>
/// <param name="ListedLength">The file's size.</param>
public sealed record IndirectList(ChunkId Root, int Level, long ListedLength) : FileContent
{
    /// <inheritdoc/>
    public override long Length => ListedLength;
}
