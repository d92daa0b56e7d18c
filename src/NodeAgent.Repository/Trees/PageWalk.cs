using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>
/// Goes through one directory so that whole pages can be passed over unread. It is at an entry (<see cref="HasEntry"/>), before a
/// page that was not read yet (<see cref="HasPage"/>), or at the end. Holds one page per level. Not thread-safe.
/// </summary>
internal sealed class PageWalk
{
    private readonly TreeReader _reader;
    private readonly Stack<TreePage> _above = new();
    private TreePage? _leaf;
    private TreePageChild _next;
    private EntryFields _fields;

    private PageWalk(TreeReader reader) => _reader = reader;

    public bool HasEntry { get; private set; }

    public bool HasPage { get; private set; }

    public bool AtEnd => !HasEntry && !HasPage;

    /// <summary>Name of the entry.</summary>
    public ReadOnlyMemory<byte> Name { get; private set; }

    /// <summary>The page that comes next.</summary>
    public ChunkId NextPage => _next.Id;

    /// <summary>Its level.</summary>
    public int NextLevel { get; private set; }

    /// <summary>Every name in the next page is greater than this.</summary>
    public ReadOnlyMemory<byte> NextLowerBound => _next.LowerBound;

    /// <summary>The last name in the next page and below it; empty when nothing above says.</summary>
    public ReadOnlyMemory<byte> NextLastName => _next.LastName;

    /// <summary>Entries in the next page and below it; 0 when nothing above says.</summary>
    public ulong NextEntriesBelow => _next.EntriesBelow;

    /// <summary>Before the first entry of a directory; at the end of nothing when it is null or not one.</summary>
    public static PageWalk Open(TreeReader reader, TreeEntry? directory)
    {
        var walk = new PageWalk(reader);
        switch (directory?.Directory)
        {
            case InlineDirectory inline:
                if (inline.Entries.Length > reader.InlineDirectoryLimit)
                {
                    throw new RepositoryFormatException(
                        inline.Origin.ToString(), inline.Offset, $"an inline directory of {inline.Entries.Length} bytes is longer than {reader.InlineDirectoryLimit}");
                }

                walk._leaf = TreePage.OpenInline(inline, DeltaBase.Of(directory));
                walk.MoveNext();
                break;
            case PagedDirectory paged:
                walk.Await(new TreePageChild(default, default, paged.Root, 0), paged.Level);
                break;
        }

        return walk;
    }

    /// <summary>The entry as an object.</summary>
    public TreeEntry ToEntry() => TreeEntryReader.ToEntry(in _fields, _leaf!.Bytes, _leaf.Origin, _leaf.Offset);

    /// <summary>Leaves the entry for what follows it.</summary>
    /// <exception cref="RepositoryFormatException">The page is damaged or hostile.</exception>
    public void MoveNext()
    {
        HasEntry = _leaf!.TryReadEntry(out _fields);
        if (HasEntry)
        {
            Name = _leaf.LowerBound;
            return;
        }

        _leaf = null;
        GoToNextPage();
    }

    /// <summary>Passes over the next page and all below it.</summary>
    public void SkipPage() => GoToNextPage();

    /// <summary>Reads the next page: the walk is then at its first entry, or before the first page below it.</summary>
    /// <exception cref="RepositoryException">The page cannot be read; the walk is still before it.</exception>
    public async ValueTask OpenPageAsync(CancellationToken cancellationToken)
    {
        var (next, level) = (_next, NextLevel);
        var bytes = await _reader.LoadPageAsync(next.Id, cancellationToken);
        // Of the root page nothing above says how many entries it has.
        var page = TreePage.Open(bytes, next.Id, level, next.LowerBound, next.LastName, next.EntriesBelow == 0 ? null : next.EntriesBelow);
        HasPage = false;
        if (page.Level == 0)
        {
            _leaf = page;
            MoveNext();
        }
        else
        {
            _above.Push(page);
            GoToNextPage();
        }
    }

    private void GoToNextPage()
    {
        HasPage = false;
        while (_above.TryPeek(out var page))
        {
            if (page.Remaining > 0)
            {
                Await(page.ReadChild(), page.Level - 1);
                return;
            }

            _above.Pop();
        }
    }

    private void Await(TreePageChild page, int level)
    {
        (_next, NextLevel) = (page, level);
        HasPage = true;
    }
}
