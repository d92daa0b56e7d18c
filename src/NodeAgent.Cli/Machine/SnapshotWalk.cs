using System.Runtime.CompilerServices;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Cli.Machine;

/// <summary>
/// The entries below a directory, parents before their children. It keeps its own stack: a hostile repository can nest
/// directories deeper than a thread's stack is.
/// </summary>
internal static class SnapshotWalk
{
    /// <param name="startPath">Path of the directory itself, put before each name; empty for none.</param>
    public static async IAsyncEnumerable<(byte[] Path, TreeEntry Entry)> BelowAsync(
        TreeReader trees, TreeEntry start, byte[] startPath, bool recursive, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var open = new Stack<(TreeCursor Cursor, byte[] Path)>();
        open.Push((trees.OpenCursor(start), startPath));
        while (open.TryPeek(out var directory))
        {
            if (!await directory.Cursor.MoveNextAsync(cancellationToken))
            {
                open.Pop();
                continue;
            }

            var entry = directory.Cursor.ToEntry();
            byte[] path = directory.Path.Length == 0 ? entry.Name.ToArray() : [.. directory.Path, (byte)'/', .. entry.Name.Span];
            yield return (path, entry);
            if (recursive && entry.Type == TreeEntryType.Directory && entry.Directory is not null)
                open.Push((trees.OpenCursor(entry), path));
        }
    }
}
