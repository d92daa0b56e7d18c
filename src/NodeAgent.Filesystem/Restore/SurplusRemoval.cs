using NodeAgent.Filesystem.Interop;

namespace NodeAgent.Filesystem.Restore;

/// <summary>Removes what the snapshot lacks.</summary>
internal sealed class SurplusRemoval(RestoreSelection selection, IssueList issues, RestoreCounts counts)
{
    /// <summary>Removes something with all that is in it, but for what the restore leaves out. False when something of it stays.</summary>
    public bool Remove(DirectoryHandle parent, byte[] name, TreePath path, RestoreSelection.Scope scope)
    {
        var removal = new TreeRemoval((below, type) => selection.Enter(scope, below, type) is null, issues) { Removed = (_, _) => Interlocked.Increment(ref counts.Deleted) };
        return removal.Remove(parent, name, path);
    }
}
