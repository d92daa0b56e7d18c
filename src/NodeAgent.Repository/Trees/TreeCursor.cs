using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>
/// Goes through the entries of one directory in the order of their names, without an object per entry: the properties are those of
/// the entry it is at. Holds one page per level. Not thread-safe. Everything that is shown was checked; what <see cref="SeekAsync"/>
/// skips was not.
/// </summary>
public sealed class TreeCursor
{
    private readonly TreeReader _reader;
    private readonly TreeEntry _directory;
    private readonly Stack<TreePage> _above = new();
    private TreePage? _leaf;
    private EntryFields _fields;
    private ReadOnlyMemory<byte> _name;
    private bool _started;

    internal TreeCursor(TreeReader reader, TreeEntry directory)
    {
        if (directory.Directory is null)
            throw new ArgumentException("the entry is not a directory", nameof(directory));
        _reader = reader;
        _directory = directory;
    }

    /// <summary>Whether the cursor is at an entry: false before the first move and after the last entry.</summary>
    public bool HasCurrent { get; private set; }

    /// <summary>Name of the entry.</summary>
    public ReadOnlySpan<byte> Name => _name.Span;

    /// <summary>What the entry is.</summary>
    public TreeEntryType Type => _fields.Type;

    /// <summary>The 12 permission bits.</summary>
    public uint Mode => _fields.Mode;

    /// <summary>Size of a regular file, 0 otherwise.</summary>
    public long Size => _fields.Size;

    /// <summary>mtime.</summary>
    public FileTimestamp Modified => _fields.Modified;

    /// <summary>ctime.</summary>
    public FileTimestamp Changed => _fields.Changed;

    /// <summary>The inode number.</summary>
    public ulong Inode => _fields.Base.Inode;

    /// <summary>The owner.</summary>
    public uint UserId => _fields.Base.UserId;

    /// <summary>The group.</summary>
    public uint GroupId => _fields.Base.GroupId;

    /// <summary>Whether the content was changing while it was read.</summary>
    public bool ChangedWhileRead => (_fields.Flags & TreeEntryFlags.ChangedWhileRead) != 0;

    /// <summary>Whether the content could not be read.</summary>
    public bool UnreadableContent => (_fields.Flags & TreeEntryFlags.UnreadableContent) != 0;

    /// <summary>Makes an object of the entry. It stays valid, and shares the page's memory.</summary>
    public TreeEntry ToEntry()
    {
        if (!HasCurrent)
            throw new InvalidOperationException("the cursor is not at an entry");
        return TreeEntryReader.ToEntry(in _fields, _leaf!.Bytes, _leaf.Origin, _leaf.Offset);
    }

    /// <summary>Goes to the next entry; false after the last one.</summary>
    /// <exception cref="RepositoryFormatException">A page is damaged or hostile.</exception>
    public ValueTask<bool> MoveNextAsync(CancellationToken cancellationToken) =>
        TryMoveInLeaf() ? new ValueTask<bool>(true) : MoveToNextLeafAsync(cancellationToken);

    /// <summary>
    /// Goes forward to the first entry whose name is not less than <paramref name="name"/>, skipping whole pages where it can, and
    /// returns whether that is its name. Stays where it is when it is there or beyond already.
    /// </summary>
    public ValueTask<bool> SeekAsync(ReadOnlyMemory<byte> name, CancellationToken cancellationToken)
    {
        if (_started && !HasCurrent)
            return new ValueTask<bool>(false);
        // A leaf that ends before the name is left without a look at the rest of it.
        while (_leaf is not null && !EndsBefore(_leaf, name.Span))
        {
            if (HasCurrent && Name.SequenceCompareTo(name.Span) is var order and >= 0)
                return new ValueTask<bool>(order == 0);
            if (!TryMoveInLeaf())
                break;
        }
        return SeekPagesAsync(name, cancellationToken);
    }

    private async ValueTask<bool> SeekPagesAsync(ReadOnlyMemory<byte> name, CancellationToken cancellationToken)
    {
        while (await DescendAsync(name, cancellationToken))
        {
            while (TryMoveInLeaf())
            {
                if (Name.SequenceCompareTo(name.Span) is var order and >= 0)
                    return order == 0;
            }
        }
        return false;
    }

    private async ValueTask<bool> MoveToNextLeafAsync(CancellationToken cancellationToken) =>
        await DescendAsync(default, cancellationToken) && TryMoveInLeaf();

    private static bool EndsBefore(TreePage page, ReadOnlySpan<byte> name) =>
        !page.LastName.IsEmpty && page.LastName.Span.SequenceCompareTo(name) < 0;

    private bool TryMoveInLeaf()
    {
        var leaf = _leaf;
        if (leaf is null)
            return false;
        // A failed read leaves half the fields of another entry.
        HasCurrent = false;
        if (!leaf.TryReadEntry(out _fields))
            return false;
        _name = leaf.LowerBound;
        HasCurrent = true;
        return true;
    }

    /// <summary>Opens the next leaf that can hold names from <paramref name="from"/> on; false when there is none.</summary>
    private async ValueTask<bool> DescendAsync(ReadOnlyMemory<byte> from, CancellationToken cancellationToken)
    {
        HasCurrent = false;
        _leaf = null;
        if (!_started)
        {
            _started = true;
            switch (_directory.Directory)
            {
                case InlineDirectory inline:
                    if (inline.Entries.Length > _reader.InlineDirectoryLimit)
                    {
                        throw new RepositoryFormatException(
                            inline.Origin.ToString(), inline.Offset, $"an inline directory of {inline.Entries.Length} bytes is longer than {_reader.InlineDirectoryLimit}");
                    }
                    _leaf = TreePage.OpenInline(inline, DeltaBase.Of(_directory));
                    return true;
                case PagedDirectory paged:
                    var bytes = await _reader.LoadPageAsync(paged.Root, cancellationToken);
                    if (Push(TreePage.Open(bytes, paged.Root, paged.Level, default, default, null)))
                        return true;
                    break;
                default:
                    return false;
            }
        }
        while (_above.TryPeek(out var page))
        {
            if (page.Remaining == 0 || (!from.IsEmpty && EndsBefore(page, from.Span)))
            {
                _above.Pop();
                continue;
            }
            var child = page.ReadChild();
            if (!from.IsEmpty && child.LastName.Span.SequenceCompareTo(from.Span) < 0)
                continue;
            var bytes = await _reader.LoadPageAsync(child.Id, cancellationToken);
            if (Push(TreePage.Open(bytes, child.Id, page.Level - 1, child.LowerBound, child.LastName, child.EntriesBelow)))
                return true;
        }
        return false;
    }

    // The level falls by one with every page below another, so a page that names itself is refused when it is opened again.
    private bool Push(TreePage page)
    {
        if (page.Level == 0)
        {
            _leaf = page;
            return true;
        }
        _above.Push(page);
        return false;
    }
}
