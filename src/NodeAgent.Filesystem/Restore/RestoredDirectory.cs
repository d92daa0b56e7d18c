using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Restore;

/// <summary>
/// A directory that is being filled. It is made when something in it is needed, and gets its owner, mode and times when
/// everything below it is done: filling it would change them again.
/// </summary>
internal sealed class RestoredDirectory(RestoredDirectory? parent, TreeEntry entry, TreePath path, Func<RestoredDirectory, DirectoryHandle> make, Func<RestoredDirectory, ValueTask> complete)
{
    private readonly Lock _gate = new();
    private DirectoryHandle? _handle;
    private int _pending = 1;

    public RestoredDirectory? Parent => parent;

    public TreeEntry Entry => entry;

    public TreePath Path => path;

    /// <summary>It was there before this run.</summary>
    public bool WasThere { get; set; }

    /// <summary>What is made in it inherits an access list; set when it is made.</summary>
    public bool PassesOnAccess { get; set; }

    /// <summary>The open directory.</summary>
    /// <exception cref="FileSystemException">It could not be made.</exception>
    public DirectoryHandle Handle
    {
        get
        {
            lock (_gate) return _handle ??= make(this);
        }
    }

    /// <summary>Something more below it is to be done.</summary>
    public void Hold() => Interlocked.Increment(ref _pending);

    /// <summary>Something below it is done; the last one completes it, and then tells its parent.</summary>
    public async ValueTask ReleaseAsync()
    {
        for (var directory = this; directory is not null && Interlocked.Decrement(ref directory._pending) == 0; directory = directory.Parent)
        {
            if (directory._handle is null) continue;
            await complete(directory);
            directory._handle.Dispose();
        }
    }
}
