using System.Buffers;
using System.Globalization;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Repair;

/// <summary>
/// Goes through trees and writes those parts anew in which something is lost: without what is lost, and with a mark that it is. What is sound stays as it is
/// stored, and directories that are known to be sound are not gone through again in the next tree. Not thread-safe.
/// </summary>
/// <param name="repository">Reads.</param>
/// <param name="isStored">Whether a chunk is there for good.</param>
/// <param name="store">Stores a chunk; only computes its id when nothing is to be changed.</param>
internal sealed class TreeSalvage(ChunkRepository repository, Func<ChunkId, bool> isStored, ChunkSink store) : IDisposable
{
    /// <summary>Levels of directories after which the stack of the thread is left: there may be thousands.</summary>
    private const int LevelsAStack = 50;

    private readonly ChunkReader _reader = repository.CreateReader();
    private readonly HashSet<ChunkId> _soundDirectories = [];
    private readonly HashSet<ChunkId> _damagedDirectories = [];
    private readonly HashSet<ChunkId> _soundLists = [];
    private readonly HashSet<ChunkId> _lost = [];
    private TreeReader? _trees;
    private IReadOnlyList<TreeEntry> _others = [];

    /// <summary>Files whose content was taken from another tree.</summary>
    public long Regained { get; private set; }

    private TreeReader Trees => _trees ??= new TreeReader(_reader.Source, repository.Config.Parameters.Trees);

    /// <summary>Whether everything is there that a directory needs, with all below it.</summary>
    public Task<bool> IsSoundAsync(TreeEntry directory, CancellationToken cancellationToken) => IsSoundAsync(directory, 0, cancellationToken);

    /// <summary>The directory with what is left of it.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="path">Its path, for <paramref name="lost"/>; empty for a root.</param>
    /// <param name="others">Roots of other trees of the same source. A file that is in one of them, untouched by its inode, times and size, is taken from there.</param>
    /// <param name="lost">Is told of each loss.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public Task<TreeEntry> SaveAsync(TreeEntry directory, byte[] path, IReadOnlyList<TreeEntry> others, Action<TreeLoss> lost, CancellationToken cancellationToken)
    {
        _others = others;
        return SaveAsync(directory, path, 0, lost, cancellationToken);
    }

    public void Dispose() => _reader.Dispose();

    private async Task<bool> IsSoundAsync(TreeEntry directory, int depth, CancellationToken cancellationToken)
    {
        if (depth > TreeLimits.MaxDepth) throw new RepositoryException($"directories are nested deeper than {TreeLimits.MaxDepth}");
        if (depth % LevelsAStack == LevelsAStack - 1) await Task.Yield();
        var root = (directory.Directory as PagedDirectory)?.Root;
        var isSound = await HasAttributesAsync(directory, cancellationToken);
        if (root is { } known)
        {
            if (_soundDirectories.Contains(known)) return isSound;
            if (_damagedDirectories.Contains(known)) return false;
        }

        var content = true;
        var walk = PageWalk.Open(Trees, directory);
        while (!walk.AtEnd)
        {
            if (walk.HasPage)
            {
                if (await TryOpenPageAsync(walk, cancellationToken)) continue;
                content = false;
                walk.SkipPage();
                continue;
            }

            var entry = walk.ToEntry();
            // Gone through to the end even when something is lost, so that all below is known and is not gone through again.
            content &= entry.Type == TreeEntryType.Directory ? await IsSoundAsync(entry, depth + 1, cancellationToken) : await IsWholeAsync(entry, cancellationToken);
            walk.MoveNext();
        }

        if (root is { } id) (content ? _soundDirectories : _damagedDirectories).Add(id);
        return isSound && content;
    }

    private async Task<TreeEntry> SaveAsync(TreeEntry directory, byte[] path, int depth, Action<TreeLoss> lost, CancellationToken cancellationToken)
    {
        if (depth % LevelsAStack == LevelsAStack - 1) await Task.Yield();
        if (await IsSoundAsync(directory, depth, cancellationToken)) return directory;
        var attributes = await SaveAttributesAsync(directory, path, lost, cancellationToken);
        var isIncomplete = directory.UnreadableContent;
        using var writer = new DirectoryWriter(store, repository.Config.Parameters.Trees, repository.Gear);
        var walk = PageWalk.Open(Trees, directory);
        while (!walk.AtEnd)
        {
            if (walk.HasPage)
            {
                if (await TryOpenPageAsync(walk, cancellationToken)) continue;
                isIncomplete = true;
                lost(new TreeLoss(TreeLossKind.Entries, path, 0, 0, walk.NextEntriesBelow == 0 ? null : (long)walk.NextEntriesBelow, RangeOf(walk)));
                walk.SkipPage();
                continue;
            }

            var entry = walk.ToEntry();
            var below = Join(path, entry.Name.Span);
            await writer.AddAsync(
                entry.Type == TreeEntryType.Directory ? await SaveAsync(entry, below, depth + 1, lost, cancellationToken) : await SaveFileAsync(entry, below, lost, cancellationToken),
                cancellationToken);
            walk.MoveNext();
        }

        var carrier = directory.With(null, EmptyDirectory.Instance, attributes, isIncomplete);
        return carrier.WithDirectory(await writer.CompleteAsync(carrier, cancellationToken));
    }

    private async Task<TreeEntry> SaveFileAsync(TreeEntry entry, byte[] path, Action<TreeLoss> lost, CancellationToken cancellationToken)
    {
        if (await IsWholeAsync(entry, cancellationToken)) return entry;
        if (await FindUntouchedAsync(entry, path, cancellationToken) is { } other)
        {
            Regained++;
            return entry.With(other.Content, null, other.ExtendedAttributes, unreadableContent: false);
        }

        var attributes = await SaveAttributesAsync(entry, path, lost, cancellationToken);
        var (content, lostBytes) = await SaveContentAsync(entry, cancellationToken);
        if (lostBytes > 0)
        {
            var isPart = content is not EmptyContent;
            lost(new TreeLoss(isPart ? TreeLossKind.Part : TreeLossKind.File, path, lostBytes, entry.Size, null, ""));
        }

        return entry.With(content, null, attributes, entry.UnreadableContent || lostBytes > 0);
    }

    /// <summary>
    /// The same file in another tree, whole. A backup after the damage has read it again, and stored it together with other small files than before, so
    /// that the lost chunk itself did not come back. That it was not touched is judged as a backup does that takes it from its parent.
    /// </summary>
    private async ValueTask<TreeEntry?> FindUntouchedAsync(TreeEntry entry, byte[] path, CancellationToken cancellationToken)
    {
        if (entry.Type != TreeEntryType.RegularFile || entry.Inode == 0 || entry.UnreadableContent || entry.ChangedWhileRead) return null;
        foreach (var root in _others)
        {
            try
            {
                if (await Trees.FindPathAsync(root, path, cancellationToken) is { Type: TreeEntryType.RegularFile, UnreadableContent: false, ChangedWhileRead: false } other
                    && (other.Inode, other.Size, other.Modified, other.Changed) == (entry.Inode, entry.Size, entry.Modified, entry.Changed)
                    && await IsWholeAsync(other, cancellationToken))
                    return other;
            }
            catch (RepositoryException exception) when (IsLoss(exception))
            {
                // That tree is damaged on the way to it.
            }
        }

        return null;
    }

    private async Task<(FileContent? Content, long LostBytes)> SaveContentAsync(TreeEntry entry, CancellationToken cancellationToken)
    {
        switch (entry.Content)
        {
            case BundleSlice slice when !await IsThereAsync(slice.Chunk, ChunkKind.Data, cancellationToken):
                return (EmptyContent.Instance, slice.SliceLength);
            case ChunkList or IndirectList:
                using (var lists = new ContentListWriter(store))
                {
                    long lost = 0;
                    var isAnyLeft = false;
                    await foreach (var item in ItemsAsync(entry.Content, cancellationToken))
                    {
                        if (item.IsHole || await IsThereAsync(item.Id, ChunkKind.Data, cancellationToken))
                        {
                            isAnyLeft |= !item.IsHole;
                            await lists.AddAsync(item, cancellationToken);
                        }
                        else
                        {
                            lost += item.Length;
                            await lists.AddAsync(ContentItem.Hole(item.Length), cancellationToken);
                        }
                    }

                    // What a lost list covered comes back as holes, too.
                    lost += _lostInLists;
                    _lostInLists = 0;
                    return lost > 0 && !isAnyLeft ? (EmptyContent.Instance, lost) : (await lists.CompleteAsync(cancellationToken), lost);
                }

            default:
                return (entry.Content, 0);
        }
    }

    private long _lostInLists;

    private async IAsyncEnumerable<ContentItem> ItemsAsync(FileContent content, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (content is ChunkList list)
        {
            foreach (var item in list.Items) yield return item;
            yield break;
        }

        var indirect = (IndirectList)content;
        var open = new Stack<ListPage>();
        var next = (Id: indirect.Root, indirect.Level, Length: indirect.ListedLength);
        var isPending = true;
        while (isPending || open.Count > 0)
        {
            if (isPending)
            {
                isPending = false;
                if (await TryOpenListAsync(next.Id, next.Level, next.Length, cancellationToken) is { } opened)
                {
                    open.Push(opened);
                    continue;
                }

                _lostInLists += next.Length;
                yield return ContentItem.Hole(next.Length);
                continue;
            }

            var page = open.Peek();
            if (page.Remaining == 0)
            {
                open.Pop();
            }
            else if (page.Level == 0)
            {
                yield return page.ReadItem();
            }
            else
            {
                var (id, length) = page.ReadChild();
                next = (id, page.Level - 1, length);
                isPending = true;
            }
        }
    }

    private async Task<bool> IsWholeAsync(TreeEntry entry, CancellationToken cancellationToken)
    {
        if (!await HasAttributesAsync(entry, cancellationToken)) return false;
        switch (entry.Content)
        {
            case BundleSlice slice:
                return await IsThereAsync(slice.Chunk, ChunkKind.Data, cancellationToken);
            case IndirectList indirect when _soundLists.Contains(indirect.Root):
                return true;
            case ChunkList or IndirectList:
                var isWhole = true;
                await foreach (var item in ItemsAsync(entry.Content, cancellationToken)) isWhole &= item.IsHole || await IsThereAsync(item.Id, ChunkKind.Data, cancellationToken);
                isWhole &= _lostInLists == 0;
                _lostInLists = 0;
                if (isWhole && entry.Content is IndirectList list) _soundLists.Add(list.Root);
                return isWhole;
            default:
                return true;
        }
    }

    private async Task<bool> HasAttributesAsync(TreeEntry entry, CancellationToken cancellationToken)
    {
        foreach (var attribute in entry.ExtendedAttributes)
        {
            if (attribute.Chunk is { } chunk && !await IsThereAsync(chunk, ChunkKind.Data, cancellationToken)) return false;
        }

        return true;
    }

    private async Task<IReadOnlyList<ExtendedAttribute>> SaveAttributesAsync(TreeEntry entry, byte[] path, Action<TreeLoss> lost, CancellationToken cancellationToken)
    {
        var kept = new List<ExtendedAttribute>();
        foreach (var attribute in entry.ExtendedAttributes)
        {
            if (attribute.Chunk is not { } chunk || await IsThereAsync(chunk, ChunkKind.Data, cancellationToken)) kept.Add(attribute);
            else lost(new TreeLoss(TreeLossKind.Attribute, path, attribute.Length, 0, null, Printable(attribute.Name.Span)));
        }

        return kept;
    }

    private async ValueTask<bool> TryOpenPageAsync(PageWalk walk, CancellationToken cancellationToken)
    {
        var id = walk.NextPage;
        try
        {
            await walk.OpenPageAsync(cancellationToken);
        }
        catch (RepositoryException exception) when (IsLoss(exception))
        {
            return false;
        }

        return await IsThereAsync(id, ChunkKind.Tree, cancellationToken);
    }

    private async ValueTask<ListPage?> TryOpenListAsync(ChunkId id, int level, long length, CancellationToken cancellationToken)
    {
        try
        {
            var page = new ListPage(await _reader.ReadSharedAsync(ChunkKind.List, id, TreeLimits.MaxTreeChunk, cancellationToken), id, level, length);
            return await IsThereAsync(id, ChunkKind.List, cancellationToken) ? page : null;
        }
        catch (RepositoryException exception) when (IsLoss(exception))
        {
            return null;
        }
    }

    /// <summary>Whether a chunk is there. One that can be read, but not for long, is stored again.</summary>
    private async ValueTask<bool> IsThereAsync(ChunkId id, ChunkKind kind, CancellationToken cancellationToken)
    {
        if (isStored(id)) return true;
        if (_lost.Contains(id)) return false;
        var buffer = ArrayPool<byte>.Shared.Rent(ChunkRepository.MaxChunkLength);
        try
        {
            var length = await _reader.ReadAsync(id, kind, buffer.AsMemory(0, ChunkRepository.MaxChunkLength), cancellationToken);
            await store(kind, buffer.AsMemory(0, length), cancellationToken);
            return true;
        }
        catch (RepositoryException exception) when (IsLoss(exception))
        {
            _lost.Add(id);
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>A store that cannot be reached for the moment is no loss.</summary>
    private static bool IsLoss(RepositoryException exception) =>
        exception is RepositoryFormatException or ChunkNotFoundException or Stores.StoreException { Failure: Stores.StoreFailure.NotFound or Stores.StoreFailure.Other };

    private static string RangeOf(PageWalk walk)
    {
        var (after, last) = (Printable(walk.NextLowerBound.Span), Printable(walk.NextLastName.Span));
        if (last.Length > 0) return after.Length > 0 ? string.Create(CultureInfo.InvariantCulture, $"after {after} up to {last}") : string.Create(CultureInfo.InvariantCulture, $"up to {last}");
        return after.Length > 0 ? $"after {after}" : "all";
    }

    private static byte[] Join(byte[] path, ReadOnlySpan<byte> name) => path.Length == 0 ? name.ToArray() : [.. path, (byte)'/', .. name];

    private static string Printable(ReadOnlySpan<byte> name) => string.Concat(System.Text.Encoding.UTF8.GetString(name).Select(c => char.IsControl(c) ? '?' : c));
}
