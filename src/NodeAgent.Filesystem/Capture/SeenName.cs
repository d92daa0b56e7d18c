using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>What was seen under one name of a directory before the walk came to it.</summary>
/// <param name="Kind">What the walk has to do with it.</param>
/// <param name="Path">Its path; null when there is nothing to do, or everything.</param>
/// <param name="Entry">The entry; of a file with <see cref="SeenKind.Content"/> without its content.</param>
/// <param name="Content">All bytes of a small file. The memory is the batch's, see <see cref="NameBatch"/>.</param>
/// <param name="Directory">A directory that may be open already.</param>
internal readonly record struct SeenName(SeenKind Kind, TreePath? Path = null, TreeEntry? Entry = null, ReadOnlyMemory<byte> Content = default, ClosedDirectory? Directory = null)
{
    /// <summary>Whether the parent snapshot has a file of that name.</summary>
    public bool WasThere { get; init; }
}
