using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Repair;

/// <summary>A directory that no snapshot leads to.</summary>
/// <param name="Root">Its top page.</param>
/// <param name="Level">The level of that page.</param>
/// <param name="Entries">Entries in it, without those of directories below.</param>
/// <param name="Newest">The latest modification time of the entries in its top page; 0 when that holds none.</param>
/// <param name="Names">Some of the names in it, to recognise it by.</param>
public sealed record RecoverableTree(ChunkId Root, int Level, long Entries, FileTimestamp Newest, IReadOnlyList<ReadOnlyMemory<byte>> Names)
{
    /// <summary>So many names are given at most.</summary>
    public const int MaxNames = 5;
}
