using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>
/// Writes the entries of one directory. Pages end where the names say, not where a count does: equal directories become equal
/// pages, and a changed entry changes the page that holds it and the pages above. Holds one open page for each level (at most
/// <see cref="TreeParameters.MaxPage"/> and one entry each), however many entries there are. Not thread-safe.
/// </summary>
public sealed class DirectoryWriter : IDisposable
{
    private readonly ChunkSink _sink;
    private readonly TreeParameters _parameters;
    private readonly GearTable _gear;
    private readonly List<PageBuilder> _levels = [new(0)];
    private TreeEntry? _first;
    private int _firstLength;
    private bool _completed;

    /// <summary>A writer for one directory.</summary>
    /// <param name="sink">Stores the pages.</param>
    /// <param name="parameters">The repository's.</param>
    /// <param name="gear">The repository's.</param>
    public DirectoryWriter(ChunkSink sink, TreeParameters parameters, GearTable gear)
    {
        _sink = sink;
        _parameters = parameters;
        _gear = gear;
    }

    /// <summary>How many entries were added.</summary>
    public long Count { get; private set; }

    /// <summary>Adds an entry. Nothing of it is kept but the first entry of the directory.</summary>
    /// <exception cref="ArgumentException">The entry cannot be represented or does not come after the one before it in byte order.</exception>
    public ValueTask AddAsync(TreeEntry entry, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_completed, this);
        var name = entry.Name.Span;
        if (TreeLimits.CheckName(name) is { } why)
            throw new ArgumentException($"the directory entry cannot be stored: {why}", nameof(entry));
        var page = _levels[0];
        if (Count > 0 && name.SequenceCompareTo(page.LastName) <= 0)
            throw new ArgumentException("the directory entry does not come after the one before it in byte order of names", nameof(entry));
        if (!page.TryAdd(entry, _parameters.MaxPage))
            return CutBeforeAsync(entry, cancellationToken);
        if (Count == 0)
        {
            _first = entry;
            _firstLength = page.BodyLength;
        }
        Count++;
        return EndsPage(page.BodyLength, name) ? StorePageAsync(0, cancellationToken) : ValueTask.CompletedTask;
    }

    /// <summary>Stores what is left and returns where the directory's entries are. The writer is of no use after that.</summary>
    /// <param name="carrier">
    /// The directory's own entry, with the owner, times and inode that it will be stored with: a small directory's entries are encoded
    /// relative to them. Its <see cref="TreeEntry.Directory"/> is not looked at.
    /// </param>
    /// <param name="cancellationToken">Stops the work.</param>
    public async ValueTask<DirectoryContent> CompleteAsync(TreeEntry carrier, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_completed, this);
        _completed = true;
        try
        {
            if (Count == 0)
                return EmptyDirectory.Instance;
            if (TryInline(carrier) is { } inline)
                return inline;
            for (var level = 0; ; level++)
            {
                var page = _levels[level];
                if (level > 0 && page is { PagesStored: 0, Count: 1 })
                    return new PagedDirectory(page.LastChild, level - 1);
                if (page.Count > 0)
                    await StorePageAsync(level, cancellationToken);
            }
        }
        finally
        {
            Dispose();
        }
    }

    /// <summary>Returns the buffers; a directory that was not completed is dropped.</summary>
    public void Dispose()
    {
        _completed = true;
        foreach (var level in _levels)
            level.Dispose();
    }

    // Only the first entry is relative to something outside the list, so the rest of the open page is the rest of the inline form.
    private InlineDirectory? TryInline(TreeEntry carrier)
    {
        var page = _levels[0];
        if (page.PagesStored > 0 || page.BodyLength - _firstLength > _parameters.InlineDirectoryLimit)
            return null;
        using var first = new PlaintextBuffer(256);
        TreeEntryWriter.Write(first, _first!, DeltaBase.Of(carrier));
        var rest = page.Body[_firstLength..];
        if (first.Length + rest.Length > _parameters.InlineDirectoryLimit)
            return null;
        var entries = new byte[first.Length + rest.Length];
        first.Span.CopyTo(entries);
        rest.CopyTo(entries.AsSpan(first.Length));
        return new InlineDirectory(entries, PlaintextOrigin.SnapshotRoot, 0);
    }

    private async ValueTask CutBeforeAsync(TreeEntry entry, CancellationToken cancellationToken)
    {
        await StorePageAsync(0, cancellationToken);
        var page = _levels[0];
        page.TryAdd(entry, _parameters.MaxPage);
        Count++;
        if (EndsPage(page.BodyLength, entry.Name.Span))
            await StorePageAsync(0, cancellationToken);
    }

    private async ValueTask StorePageAsync(int level, CancellationToken cancellationToken)
    {
        var page = _levels[level];
        var id = await _sink(ChunkKind.Tree, page.Finish(), cancellationToken);
        if (_levels.Count == level + 1)
            _levels.Add(new PageBuilder(level + 1));
        var above = _levels[level + 1];
        if (!above.TryAdd(page.LastName, id, page.EntriesBelow, _parameters.MaxPage))
        {
            await StorePageAsync(level + 1, cancellationToken);
            above.TryAdd(page.LastName, id, page.EntriesBelow, _parameters.MaxPage);
        }
        page.PagesStored++;
        page.Reset();
        if (above.Count > 1 && EndsAbove(above.BodyLength, id))
            await StorePageAsync(level + 1, cancellationToken);
    }

    private bool EndsAbove(int bodyLength, ChunkId child)
    {
        Span<byte> id = stackalloc byte[ChunkId.Length];
        child.CopyTo(id);
        return EndsPage(bodyLength, id);
    }

    private bool EndsPage(int bodyLength, ReadOnlySpan<byte> key) =>
        bodyLength >= _parameters.MinPage && (_parameters.CutBits == 0 || _gear.HashName(key) >> (64 - _parameters.CutBits) == 0);
}
