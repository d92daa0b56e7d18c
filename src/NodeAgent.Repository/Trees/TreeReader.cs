using System.Runtime.CompilerServices;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Trees;

/// <summary>
/// Reads directories and content lists page by page; what it reads is checked as hostile input. Thread-safe, as far as the source is.
/// Memory: the cache, and one page per level for each directory being read.
/// </summary>
public sealed class TreeReader
{
    // Restores and lookups come back to the upper pages of the same few directories; 4 MiB holds about a hundred pages of usual size.
    private const long CacheBytes = 4 << 20;

    private readonly ChunkSource _source;
    private readonly PageCache _cache = new(CacheBytes);

    /// <param name="source">Reads chunks.</param>
    /// <param name="parameters">The repository's.</param>
    public TreeReader(ChunkSource source, TreeParameters parameters)
    {
        _source = source;
        InlineDirectoryLimit = parameters.InlineDirectoryLimit;
    }

    internal int InlineDirectoryLimit { get; }

    /// <summary>A cursor before the first entry of a directory.</summary>
    public TreeCursor OpenCursor(TreeEntry directory) => new(this, directory);

    /// <summary>The entries of a directory in byte order of their names, read as they are asked for.</summary>
    /// <exception cref="RepositoryFormatException">A page is damaged or hostile; entries before it were returned.</exception>
    public async IAsyncEnumerable<TreeEntry> ReadDirectoryAsync(TreeEntry directory, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var cursor = OpenCursor(directory);
        while (await cursor.MoveNextAsync(cancellationToken))
            yield return cursor.ToEntry();
    }

    /// <summary>The entry of that name, or null. Reads one page per level.</summary>
    public async ValueTask<TreeEntry?> FindAsync(TreeEntry directory, ReadOnlyMemory<byte> name, CancellationToken cancellationToken)
    {
        if (name.IsEmpty)
            return null;
        var cursor = OpenCursor(directory);
        return await cursor.SeekAsync(name, cancellationToken) ? cursor.ToEntry() : null;
    }

    /// <summary>
    /// The entry at a path below <paramref name="root"/>, or null. Names are separated by '/'; empty ones and "." are skipped; ".." is
    /// not known, and symbolic links are not followed.
    /// </summary>
    public async ValueTask<TreeEntry?> FindPathAsync(TreeEntry root, ReadOnlyMemory<byte> path, CancellationToken cancellationToken)
    {
        var entry = root;
        while (!path.IsEmpty)
        {
            var slash = path.Span.IndexOf((byte)'/');
            var name = slash < 0 ? path : path[..slash];
            path = slash < 0 ? default : path[(slash + 1)..];
            if (name.IsEmpty || name.Span.SequenceEqual("."u8))
                continue;
            if (entry.Directory is null || await FindAsync(entry, name, cancellationToken) is not { } found)
                return null;
            entry = found;
        }
        return entry;
    }

    /// <summary>
    /// The items of a file in file order: those of a <see cref="ChunkList"/> or an <see cref="IndirectList"/>, one hole for a
    /// <see cref="WholeHole"/>, none for <see cref="EmptyContent"/>. That they cover the file exactly is checked as they are read.
    /// </summary>
    /// <exception cref="ArgumentException">Inline content and slices of bundles have no items.</exception>
    /// <exception cref="RepositoryFormatException">A list is damaged or hostile; items before it were returned.</exception>
    public async IAsyncEnumerable<ContentItem> ReadContentAsync(FileContent content, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        switch (content)
        {
            case EmptyContent:
                break;
            case WholeHole hole:
                yield return ContentItem.Hole(hole.HoleLength);
                break;
            case ChunkList list:
                foreach (var item in list.Items)
                    yield return item;
                break;
            case IndirectList indirect:
                await foreach (var item in ReadListAsync(indirect, null, cancellationToken))
                    yield return item;
                break;
            default:
                throw new ArgumentException($"content of type {content.GetType().Name} has no items", nameof(content));
        }
    }

    internal async ValueTask<ReadOnlyMemory<byte>> LoadPageAsync(ChunkId id, CancellationToken cancellationToken)
    {
        if (_cache.TryGet(id, out var bytes))
            return bytes;
        bytes = await _source(ChunkKind.Tree, id, TreeLimits.MaxTreeChunk, cancellationToken);
        _cache.Add(id, bytes);
        return bytes;
    }

    /// <summary>The items of an indirect list; <paramref name="visited"/> is told every list chunk that was read.</summary>
    public async IAsyncEnumerable<ContentItem> ReadListAsync(
        IndirectList list, Action<ChunkId, int>? visited, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var open = new Stack<ListPage>();
        open.Push(await OpenListAsync(list.Root, list.Level, list.ListedLength));
        while (open.TryPeek(out var page))
        {
            if (page.Remaining == 0)
            {
                page.CheckEnd();
                open.Pop();
            }
            else if (page.Level == 0)
            {
                yield return page.ReadItem();
            }
            else
            {
                var (id, length) = page.ReadChild();
                open.Push(await OpenListAsync(id, page.Level - 1, length));
            }
        }

        async ValueTask<ListPage> OpenListAsync(ChunkId id, int level, long length)
        {
            var bytes = await _source(ChunkKind.List, id, TreeLimits.MaxTreeChunk, cancellationToken);
            visited?.Invoke(id, bytes.Length);
            return new ListPage(bytes, id, level, length);
        }
    }
}
