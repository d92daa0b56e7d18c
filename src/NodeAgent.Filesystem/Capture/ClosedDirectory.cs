using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>A directory that was seen and may be opened and listed ahead of the walk.</summary>
/// <param name="above">What it is in.</param>
/// <param name="index">The place of its name there.</param>
/// <param name="path">Its path.</param>
/// <param name="before">The entry of that name in the parent snapshot, if it is a directory.</param>
internal sealed class ClosedDirectory(OpenedDirectory above, int index, TreePath path, TreeEntry? before) : AheadWork
{
    public OpenedDirectory Above => above;

    public int Index => index;

    public byte[] Name => above.Names[index];

    public TreePath Path => path;

    public TreeEntry? Before => before;

    /// <summary>What it became; null when it is left for the walk, which looks at the name anew. Valid when the work is done.</summary>
    public OpenedDirectory? Opened { get; set; }

    /// <summary>Its own entry, when it was opened.</summary>
    public TreeEntry? Entry { get; set; }
}
