using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>A directory of the source, open and listed, on its way through the walk.</summary>
/// <param name="handle">The directory. Owned, but for the source's own, which the caller of the walk keeps.</param>
/// <param name="names">Its names in byte order.</param>
/// <param name="path">Where it is.</param>
/// <param name="mountId">What it is on.</param>
/// <param name="before">The same directory in the parent snapshot; null when there is none.</param>
/// <param name="above">The directory that it is in; null for the source itself.</param>
/// <param name="index">The place of its name there.</param>
internal sealed class OpenedDirectory(DirectoryHandle handle, List<byte[]> names, TreePath path, ulong mountId, TreeEntry? before, OpenedDirectory? above, int index) : IDisposable
{
    private readonly NameBatch?[] _batches = new NameBatch?[(names.Count + NameBatch.Length - 1) / NameBatch.Length];
    private SharedCursor? _cursor;

    public DirectoryHandle Handle => handle;

    public List<byte[]> Names => names;

    public TreePath Path => path;

    public ulong MountId => mountId;

    public OpenedDirectory? Above => above;

    public int Index => index;

    /// <summary>The names were asked for one by one: no rule leaves them out.</summary>
    public bool IsNamed { get; init; }

    /// <summary>Something in it has no entry although it is there. A restore that removes what the snapshot does not have must know. For the walk alone.</summary>
    public bool IsIncomplete { get; set; }

    /// <summary>The name that the walk comes to next. For the walk alone.</summary>
    public int Next { get; set; }

    /// <summary>The batch that the walk is in. For the walk alone.</summary>
    public NameBatch? Current { get; set; }

    /// <summary>Bytes that its names were counted with against what may be read ahead.</summary>
    public long AheadBytes { get; init; }

    public int BatchCount => _batches.Length;

    /// <summary>The first batch that no helper has asked for. Kept by <see cref="LookAhead"/>, under its lock.</summary>
    public int NextToSee { get; set; }

    /// <summary>A batch of names; the same one for everybody who asks.</summary>
    public NameBatch Batch(int index)
    {
        if (Volatile.Read(ref _batches[index]) is { } batch) return batch;
        var start = index * NameBatch.Length;
        var made = new NameBatch(this, start, Math.Min(NameBatch.Length, names.Count - start));
        return Interlocked.CompareExchange(ref _batches[index], made, null) ?? made;
    }

    /// <summary>
    /// A cursor through the same directory in the parent, to be given back with <see cref="Return"/>; null when there is none. Whoever comes meanwhile gets
    /// one of his own.
    /// </summary>
    /// <param name="parent">The parent snapshot.</param>
    /// <param name="index">The first name that will be looked for.</param>
    public SharedCursor? RentCursor(ParentTree? parent, int index)
    {
        if (before is null) return null;
        var cursor = Interlocked.Exchange(ref _cursor, null);
        return cursor is not null && cursor.Next <= index ? cursor : new SharedCursor(parent!.Tree.OpenCursor(before));
    }

    public void Return(SharedCursor? cursor)
    {
        if (cursor is not null) Interlocked.Exchange(ref _cursor, cursor);
    }

    public void Dispose() => handle.Dispose();

    /// <summary>A cursor that only goes forward, and how far it has gone.</summary>
    internal sealed class SharedCursor(TreeCursor cursor)
    {
        /// <summary>Names before this one cannot be found with it any more.</summary>
        public int Next { get; private set; }

        /// <summary>The parent's entry of a name; null when it has none.</summary>
        /// <exception cref="RepositoryException">The parent is damaged here, or the store does not answer.</exception>
        public ValueTask<TreeEntry?> FindAsync(byte[] name, int index, CancellationToken cancellationToken)
        {
            Next = index + 1;
            var found = cursor.SeekAsync(name, cancellationToken);
            return found.IsCompletedSuccessfully ? new ValueTask<TreeEntry?>(found.Result ? cursor.ToEntry() : null) : AwaitAsync(found);

            async ValueTask<TreeEntry?> AwaitAsync(ValueTask<bool> pending) => await pending ? cursor.ToEntry() : null;
        }
    }
}
