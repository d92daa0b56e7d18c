using System.Buffers;
using System.Collections.Concurrent;
using System.Collections.Immutable;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Repository.Copying;

/// <summary>
/// Writes trees of one repository into another. Entries are the same; chunks get the ids of the target's keys. A file that is the same as in an earlier snapshot
/// takes its chunks' new ids from that one's copy, as far as the target still has them.
/// </summary>
internal sealed class TreeCopy : IDisposable
{
    /// <summary>Chunks and directories whose new ids are remembered: 100 bytes each.</summary>
    private const int MaxRemembered = 256 << 10;

    /// <summary>Entries of a directory, and chunks of a file, that may be under way before the first of them is done.</summary>
    private const int Ahead = 32;

    private const int LevelsAStack = 50;

    private readonly ChunkRepository _target;
    private readonly WriteSession _session;
    private readonly ChunkReader _reader;
    private readonly ChunkReader _copies;
    private readonly TreeReader _trees;
    private readonly TreeReader _copiedTrees;
    private readonly FastCdc? _chunker;
    private readonly SemaphoreSlim _chunksAtOnce;
    private readonly SemaphoreSlim _directoriesAtOnce;
    private readonly SemaphoreSlim _filesAtOnce;
    private readonly ConcurrentDictionary<ChunkId, Lazy<Task<ChunkId>>> _chunks = new();
    private readonly ConcurrentDictionary<ChunkId, DirectoryContent> _directories = new();
    private Action<long> _progress = static _ => { };
    private RepositoryException? _failure;
    private long _readBytes;

    /// <param name="source">Where from.</param>
    /// <param name="target">Where to.</param>
    /// <param name="session">Of the target.</param>
    /// <param name="rechunk">Whether files are cut anew.</param>
    /// <param name="workers">Chunks at once.</param>
    public TreeCopy(ChunkRepository source, ChunkRepository target, WriteSession session, bool rechunk, int workers)
    {
        (_target, _session) = (target, session);
        _reader = source.CreateReader();
        _copies = target.CreateReader();
        _trees = new TreeReader(SourceOf(_reader), source.Config.Parameters.Trees);
        _copiedTrees = new TreeReader(SourceOf(_copies), target.Config.Parameters.Trees);
        _chunker = rechunk ? new FastCdc(target.Gear, target.Config.Parameters.Chunker) : null;
        _chunksAtOnce = new SemaphoreSlim(workers);
        _directoriesAtOnce = new SemaphoreSlim(workers);
        _filesAtOnce = new SemaphoreSlim(workers * 4);
    }

    /// <summary>Bytes of chunks that were read from the source.</summary>
    public long ReadBytes => Interlocked.Read(ref _readBytes);

    /// <summary>Whom to tell of the bytes of files that are done; called from any thread.</summary>
    public void OnProgress(Action<long> progress) => _progress = progress;

    /// <summary>Copies a tree.</summary>
    /// <param name="root">Its root.</param>
    /// <param name="earlier">The root of an earlier snapshot; null for none.</param>
    /// <param name="copy">The root of that one's copy.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="RepositoryException">Something of it cannot be read, or the target cannot be written.</exception>
    public async Task<TreeEntry> CopyAsync(TreeEntry root, TreeEntry? earlier, TreeEntry? copy, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _failure = null;
        try
        {
            return await CopyDirectoryAsync(root, earlier, copy, 0, stop);
        }
        catch (OperationCanceledException) when (_failure is not null)
        {
            // What was stopped is told before what stopped it.
            throw _failure;
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _copies.Dispose();
        _chunksAtOnce.Dispose();
        _directoriesAtOnce.Dispose();
        _filesAtOnce.Dispose();
    }

    private async Task<TreeEntry> CopyDirectoryAsync(TreeEntry directory, TreeEntry? earlier, TreeEntry? copy, int depth, CancellationTokenSource stop)
    {
        if (depth > TreeLimits.MaxDepth) throw new RepositoryException($"directories are nested deeper than {TreeLimits.MaxDepth}");
        if (depth % LevelsAStack == LevelsAStack - 1) await Task.Yield();
        var attributes = await CopyAttributesAsync(directory, stop.Token);
        var paged = directory.Directory as PagedDirectory;
        if (paged is not null && _directories.TryGetValue(paged.Root, out var known)) return directory.With(null, known, attributes, directory.UnreadableContent);
        using var writer = new DirectoryWriter(StoreAsync, _target.Config.Parameters.Trees, _target.Gear);
        var pending = new Queue<Task<TreeEntry>>();
        try
        {
            var entries = _trees.OpenCursor(directory);
            var before = await Companion.OpenAsync(_trees, _copiedTrees, earlier, copy, stop.Token);
            while (await entries.MoveNextAsync(stop.Token))
            {
                var entry = entries.ToEntry();
                var (old, oldCopy) = await before.FindAsync(entry.Name, stop.Token);
                pending.Enqueue(await StartAsync(entry, old, oldCopy, depth, stop));
                while (pending.Count >= Ahead || (pending.TryPeek(out var first) && first.IsCompleted)) await writer.AddAsync(await pending.Dequeue(), stop.Token);
            }

            while (pending.TryDequeue(out var next)) await writer.AddAsync(await next, stop.Token);
        }
        catch (Exception exception)
        {
            if (exception is RepositoryException failure) Interlocked.CompareExchange(ref _failure, failure, null);
            // None of them may go on in the dark.
            await stop.CancelAsync();
            foreach (var task in pending) await ((Task)task).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        var carrier = directory.With(null, EmptyDirectory.Instance, attributes, directory.UnreadableContent);
        var content = await writer.CompleteAsync(carrier, stop.Token);
        if (paged is not null)
        {
            if (_directories.Count >= MaxRemembered) _directories.Clear();
            // An inline form is relative to the entry that carries it, which may be another one in the next snapshot.
            if (content is PagedDirectory) _directories[paged.Root] = content;
        }

        return carrier.WithDirectory(content);
    }

    /// <summary>Begins to copy an entry, beside others when there is room for it.</summary>
    private async Task<Task<TreeEntry>> StartAsync(TreeEntry entry, TreeEntry? earlier, TreeEntry? copy, int depth, CancellationTokenSource stop)
    {
        if (entry.Type == TreeEntryType.Directory)
        {
            // Without room it is done here: nobody waits for room while holding some.
            if (!await _directoriesAtOnce.WaitAsync(0, stop.Token)) return Task.FromResult(await CopyDirectoryAsync(entry, earlier, copy, depth + 1, stop));
            return Task.Run(
                async () =>
                {
                    try
                    {
                        return await CopyDirectoryAsync(entry, earlier, copy, depth + 1, stop);
                    }
                    finally
                    {
                        _directoriesAtOnce.Release();
                    }
                },
                CancellationToken.None);
        }

        if (entry.Content is null or InlineContent or EmptyContent or WholeHole && entry.ExtendedAttributes.Count == 0)
        {
            _progress(entry.Size);
            return Task.FromResult(entry);
        }

        await _filesAtOnce.WaitAsync(stop.Token);
        return Task.Run(
            async () =>
            {
                try
                {
                    return await CopyFileAsync(entry, earlier, copy, stop.Token);
                }
                finally
                {
                    _filesAtOnce.Release();
                }
            },
            CancellationToken.None);
    }

    private async Task<TreeEntry> CopyFileAsync(TreeEntry entry, TreeEntry? earlier, TreeEntry? copy, CancellationToken cancellationToken)
    {
        var attributes = await CopyAttributesAsync(entry, cancellationToken);
        var content = entry.Content switch
        {
            BundleSlice slice => new BundleSlice(await CopySliceAsync(slice, earlier, copy, cancellationToken), slice.Offset, slice.SliceLength),
            ChunkList or IndirectList when _chunker is not null => await CutAnewAsync(entry.Content, cancellationToken),
            ChunkList or IndirectList => await CopyItemsAsync(entry.Content, await PairsOfAsync(earlier, copy, cancellationToken), cancellationToken),
            var other => other,
        };
        _progress(entry.Size);
        return entry.With(content, null, attributes, entry.UnreadableContent);
    }

    private async Task<ChunkId> CopySliceAsync(BundleSlice slice, TreeEntry? earlier, TreeEntry? copy, CancellationToken cancellationToken)
    {
        if (earlier?.Content is BundleSlice old && copy?.Content is BundleSlice known && old.Chunk == slice.Chunk && old.Offset == known.Offset && _session.Contains(known.Chunk)) return known.Chunk;
        return await CopyChunkAsync(slice.Chunk, cancellationToken);
    }

    private async Task<FileContent> CopyItemsAsync(FileContent content, Dictionary<ChunkId, ChunkId> pairs, CancellationToken cancellationToken)
    {
        using var lists = new ContentListWriter(StoreAsync);
        var pending = new Queue<(ContentItem Item, Task<ChunkId> Id)>();
        try
        {
            await foreach (var item in _trees.ReadContentAsync(content, cancellationToken))
            {
                var id = item.IsHole ? Task.FromResult(default(ChunkId))
                    : pairs.TryGetValue(item.Id, out var known) && _session.Contains(known) ? Task.FromResult(known)
                    : CopyChunkAsync(item.Id, cancellationToken);
                pending.Enqueue((item, id));
                if (pending.Count >= Ahead) await AddAsync(pending.Dequeue());
            }

            while (pending.TryDequeue(out var next)) await AddAsync(next);
            return await lists.CompleteAsync(cancellationToken);
        }
        catch
        {
            foreach (var (_, task) in pending) await ((Task)task).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        async Task AddAsync((ContentItem Item, Task<ChunkId> Id) next) => await lists.AddAsync(next.Item with { Id = await next.Id }, cancellationToken);
    }

    /// <summary>Which new id each chunk of a file got when an earlier snapshot was copied.</summary>
    private async Task<Dictionary<ChunkId, ChunkId>> PairsOfAsync(TreeEntry? earlier, TreeEntry? copy, CancellationToken cancellationToken)
    {
        var pairs = new Dictionary<ChunkId, ChunkId>();
        if (earlier?.Content is not (ChunkList or IndirectList) || copy?.Content is not (ChunkList or IndirectList) || earlier.Size != copy.Size) return pairs;
        try
        {
            var copied = _copiedTrees.ReadContentAsync(copy.Content, cancellationToken).GetAsyncEnumerator(cancellationToken);
            await using (copied)
            {
                await foreach (var item in _trees.ReadContentAsync(earlier.Content, cancellationToken))
                {
                    // One that was cut in another way.
                    if (!await copied.MoveNextAsync() || copied.Current.Length != item.Length || copied.Current.IsHole != item.IsHole) return [];
                    if (!item.IsHole) pairs[item.Id] = copied.Current.Id;
                }
            }

            return pairs;
        }
        catch (RepositoryException exception) when (exception is RepositoryFormatException or ChunkNotFoundException)
        {
            return []; // what is damaged there is copied anew
        }
    }

    /// <summary>Cuts a file as the target's backups would: what lies between holes each on its own.</summary>
    private async Task<FileContent> CutAnewAsync(FileContent content, CancellationToken cancellationToken)
    {
        using var lists = new ContentListWriter(StoreAsync);
        var buffer = ArrayPool<byte>.Shared.Rent(_chunker!.Parameters.MaxSize + ChunkRepository.MaxChunkLength);
        var filled = 0;
        try
        {
            await foreach (var item in _trees.ReadContentAsync(content, cancellationToken))
            {
                if (item.IsHole)
                {
                    await CutAsync(isLast: true);
                    await lists.AddAsync(item, cancellationToken);
                    continue;
                }

                filled += await ReadAsync(item.Id, buffer.AsMemory(filled), cancellationToken);
                await CutAsync(isLast: false);
            }

            await CutAsync(isLast: true);
            return await lists.CompleteAsync(cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        async Task CutAsync(bool isLast)
        {
            var done = 0;
            while (done < filled)
            {
                var length = _chunker.FindCut(buffer.AsSpan(done, filled - done), isLast);
                if (length < 0) break;
                var stored = await _session.StoreAsync(ChunkKind.Data, buffer.AsMemory(done, length), cancellationToken);
                await lists.AddAsync(ContentItem.Data(stored.Id, length), cancellationToken);
                done += length;
            }

            buffer.AsSpan(done, filled - done).CopyTo(buffer);
            filled -= done;
        }
    }

    private async Task<IReadOnlyList<ExtendedAttribute>> CopyAttributesAsync(TreeEntry entry, CancellationToken cancellationToken)
    {
        if (entry.ExtendedAttributes.All(a => a.Chunk is null)) return entry.ExtendedAttributes;
        var copied = ImmutableArray.CreateBuilder<ExtendedAttribute>(entry.ExtendedAttributes.Count);
        foreach (var attribute in entry.ExtendedAttributes)
            copied.Add(attribute.Chunk is { } chunk ? new ExtendedAttribute(attribute.Name, await CopyChunkAsync(chunk, cancellationToken), attribute.Length) : attribute);
        return copied.ToImmutable();
    }

    /// <summary>Copies a chunk, once however many files ask for it at the same time.</summary>
    private async Task<ChunkId> CopyChunkAsync(ChunkId id, CancellationToken cancellationToken)
    {
        if (_chunks.Count >= MaxRemembered) _chunks.Clear();
        var copying = _chunks.GetOrAdd(id, key => new Lazy<Task<ChunkId>>(() => Task.Run(() => ReadAndStoreAsync(key, cancellationToken), CancellationToken.None)));
        try
        {
            return await copying.Value;
        }
        catch
        {
            // Another snapshot may be luckier: it was cancelled, say.
            _chunks.TryRemove(id, out _);
            throw;
        }
    }

    private async Task<ChunkId> ReadAndStoreAsync(ChunkId id, CancellationToken cancellationToken)
    {
        await _chunksAtOnce.WaitAsync(cancellationToken);
        var buffer = ArrayPool<byte>.Shared.Rent(ChunkRepository.MaxChunkLength);
        try
        {
            var length = await ReadAsync(id, buffer.AsMemory(0, ChunkRepository.MaxChunkLength), cancellationToken);
            return (await _session.StoreAsync(ChunkKind.Data, buffer.AsMemory(0, length), cancellationToken)).Id;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            _chunksAtOnce.Release();
        }
    }

    private async Task<int> ReadAsync(ChunkId id, Memory<byte> destination, CancellationToken cancellationToken)
    {
        try
        {
            var length = await _reader.ReadAsync(id, ChunkKind.Data, destination, cancellationToken);
            Interlocked.Add(ref _readBytes, length);
            return length;
        }
        catch (StoreException exception) when (exception.Failure is StoreFailure.NotFound or StoreFailure.Other)
        {
            throw Damaged(ChunkKind.Data, id, exception);
        }
    }

    private static ChunkSource SourceOf(ChunkReader reader) => async (kind, id, maxLength, cancellationToken) =>
    {
        try
        {
            return await reader.ReadSharedAsync(kind, id, maxLength, cancellationToken);
        }
        catch (StoreException exception) when (exception.Failure is StoreFailure.NotFound or StoreFailure.Other)
        {
            throw Damaged(kind, id, exception);
        }
    };

    /// <summary>A pack that is missing or cut short costs the snapshots that need it; a store that cannot be written costs them all.</summary>
    private static RepositoryFormatException Damaged(ChunkKind kind, ChunkId id, StoreException exception) => new($"{kind} chunk {id}", 0, exception.Message);

    private async ValueTask<ChunkId> StoreAsync(ChunkKind kind, ReadOnlyMemory<byte> plain, CancellationToken cancellationToken) =>
        (await _session.StoreAsync(kind, plain, cancellationToken)).Id;

    /// <summary>A directory of an earlier snapshot and its copy, gone through beside the one that is being copied.</summary>
    private sealed class Companion
    {
        private TreeCursor? _earlier;
        private TreeCursor? _copy;

        public static async Task<Companion> OpenAsync(TreeReader trees, TreeReader copiedTrees, TreeEntry? earlier, TreeEntry? copy, CancellationToken cancellationToken)
        {
            var companion = new Companion();
            if (earlier?.Directory is null || copy?.Directory is null) return companion;
            (companion._earlier, companion._copy) = (trees.OpenCursor(earlier), copiedTrees.OpenCursor(copy));
            await companion.TryAsync(async () =>
            {
                await companion._earlier.MoveNextAsync(cancellationToken);
                await companion._copy.MoveNextAsync(cancellationToken);
            });
            return companion;
        }

        /// <summary>The entries of a name in both; names must be asked for in ascending order.</summary>
        public async Task<(TreeEntry? Earlier, TreeEntry? Copy)> FindAsync(ReadOnlyMemory<byte> name, CancellationToken cancellationToken)
        {
            (TreeEntry? Earlier, TreeEntry? Copy) found = default;
            await TryAsync(async () =>
            {
                if (_earlier is null || _copy is null) return;
                while (_earlier.HasCurrent && _earlier.Name.SequenceCompareTo(name.Span) < 0) await _earlier.MoveNextAsync(cancellationToken);
                while (_copy.HasCurrent && _copy.Name.SequenceCompareTo(name.Span) < 0) await _copy.MoveNextAsync(cancellationToken);
                if (_earlier.HasCurrent && _copy.HasCurrent && _earlier.Name.SequenceEqual(name.Span) && _copy.Name.SequenceEqual(name.Span)) found = (_earlier.ToEntry(), _copy.ToEntry());
            });
            return found;
        }

        /// <summary>It only saves work: where one of the two is damaged, all is copied.</summary>
        private async Task TryAsync(Func<Task> read)
        {
            try
            {
                await read();
            }
            catch (RepositoryException exception) when (exception is RepositoryFormatException or ChunkNotFoundException)
            {
                (_earlier, _copy) = (null, null);
            }
        }
    }
}
