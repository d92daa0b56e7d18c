namespace NodeAgent.Repository.Trees;

/// <summary>One path at which two trees differ.</summary>
/// <param name="Path">The path with slashes between its names; empty for the root.</param>
/// <param name="Before">The entry in the first tree; null when there is none.</param>
/// <param name="After">The entry in the second tree; null when there is none.</param>
/// <param name="Changes">What differs.</param>
public readonly record struct TreeDifference(ReadOnlyMemory<byte> Path, TreeEntry? Before, TreeEntry? After, TreeChanges Changes);
