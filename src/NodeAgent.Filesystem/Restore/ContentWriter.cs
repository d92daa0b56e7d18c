using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Reading;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Restore;

/// <summary>Writes what a file holds: data at its place, holes by leaving them out.</summary>
internal sealed class ContentWriter(ChunkRepository repository, ChunkReader reader, ChunkFetcher fetcher, TreeReader tree, Action<long> progress)
{
    private readonly ConcurrentBag<byte[]> _buffers = [];
    private readonly int _maxChunk = Math.Min(ChunkRepository.MaxChunkLength, repository.Config.Parameters.Chunker.MaxSize);

    /// <summary>Counts a file that needs not be written.</summary>
    public void Pass(long size) => progress(size);

    /// <summary>Writes the content of an entry into an empty file.</summary>
    /// <param name="file">Open for writing.</param>
    /// <param name="entry">What it is to hold.</param>
    /// <param name="batch">Where some of it may have been read to already.</param>
    /// <param name="cancellationToken">Ends it, with the file as it is then.</param>
    /// <exception cref="RepositoryFormatException">The content does not add up to the entry's size.</exception>
    public async Task WriteAsync(DirectoryHandle file, TreeEntry entry, ChunkBatch? batch, CancellationToken cancellationToken)
    {
        switch (entry.Content)
        {
            case null or EmptyContent:
                if (entry.Size != 0) throw Mismatch(entry, 0);
                return;
            case InlineContent inline:
                if (inline.Bytes.Length != entry.Size) throw Mismatch(entry, inline.Bytes.Length);
                Files.WriteAt(file, inline.Bytes.Span, 0);
                progress(entry.Size);
                return;
            case BundleSlice slice:
                var bundle = await reader.ReadSharedAsync(ChunkKind.Data, slice.Chunk, _maxChunk, batch, cancellationToken);
                if (slice.SliceLength != entry.Size || slice.Offset < 0 || slice.Offset > bundle.Length - slice.SliceLength) throw Mismatch(entry, slice.SliceLength);
                Files.WriteAt(file, bundle.Span.Slice(slice.Offset, slice.SliceLength), 0);
                progress(entry.Size);
                return;
            case WholeHole hole:
                if (hole.HoleLength != entry.Size) throw Mismatch(entry, hole.HoleLength);
                Files.Truncate(file, entry.Size);
                progress(entry.Size);
                return;
            default:
                await WriteItemsAsync(file, entry, batch, cancellationToken);
                return;
        }
    }

    /// <summary>
    /// Gives a file that has content the content of an entry. What it has is hashed range by range, and only ranges that are not the
    /// chunk which belongs there are read from the repository and written.
    /// </summary>
    /// <param name="file">Open for reading and writing.</param>
    /// <param name="size">The file's size now.</param>
    /// <param name="entry">What it is to become.</param>
    /// <param name="cancellationToken">Ends it, with the file half of each.</param>
    /// <exception cref="RepositoryException">A chunk cannot be had, or the content does not add up to the entry's size.</exception>
    public async Task UpdateAsync(DirectoryHandle file, long size, TreeEntry entry, CancellationToken cancellationToken)
    {
        if (entry.Content is not (ChunkList or IndirectList))
        {
            // At most as long as a bundle's slices, or nothing but a hole.
            if (size == entry.Size && entry.Content is InlineContent or BundleSlice && await IsSameAsync(file, entry, cancellationToken))
            {
                progress(entry.Size);
                return;
            }

            Files.Truncate(file, 0);
            await WriteAsync(file, entry, null, cancellationToken);
            return;
        }

        if (!_buffers.TryTake(out var buffer)) buffer = GC.AllocateUninitializedArray<byte>(_maxChunk);
        try
        {
            var at = 0L;
            await foreach (var item in tree.ReadContentAsync(entry.Content, cancellationToken))
            {
                if (item.Length <= 0 || item.Length > entry.Size - at) throw Mismatch(entry, at);
                if (item.IsHole)
                {
                    if (at < size && Files.NextExtent(file, at, size) is { } data && data.Start < at + item.Length) Files.MakeHole(file, at, Math.Min(item.Length, size - at));
                }
                else if (item.Length > buffer.Length)
                {
                    throw Mismatch(entry, at);
                }
                else if (item.Length > size - at || !IsThere(file, item, at, buffer))
                {
                    var length = await reader.ReadAsync(item.Id, ChunkKind.Data, buffer, cancellationToken);
                    if (length != item.Length) throw Mismatch(entry, at + length);
                    Files.WriteAt(file, buffer.AsSpan(0, length), at);
                }

                at += item.Length;
                progress(item.Length);
            }

            if (at != entry.Size) throw Mismatch(entry, at);
            Files.Truncate(file, entry.Size);
        }
        finally
        {
            _buffers.Add(buffer);
        }
    }

    private bool IsThere(DirectoryHandle file, in ContentItem item, long at, byte[] buffer)
    {
        var range = buffer.AsSpan(0, (int)item.Length);
        return Files.ReadAt(file, range, at) == range.Length && repository.ComputeId(ChunkKind.Data, range) == item.Id;
    }

    private async ValueTask<bool> IsSameAsync(DirectoryHandle file, TreeEntry entry, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> wanted;
        if (entry.Content is InlineContent inline)
        {
            wanted = inline.Bytes;
        }
        else
        {
            var slice = (BundleSlice)entry.Content!;
            var bundle = await reader.ReadSharedAsync(ChunkKind.Data, slice.Chunk, _maxChunk, cancellationToken);
            if (slice.SliceLength != entry.Size || slice.Offset < 0 || slice.Offset > bundle.Length - slice.SliceLength) throw Mismatch(entry, slice.SliceLength);
            wanted = bundle.Slice(slice.Offset, slice.SliceLength);
        }

        var there = new byte[wanted.Length];
        return Files.ReadAt(file, there, 0) == there.Length && wanted.Span.SequenceEqual(there);
    }

    private async Task WriteItemsAsync(DirectoryHandle file, TreeEntry entry, ChunkBatch? batch, CancellationToken cancellationToken)
    {
        if (!_buffers.TryTake(out var buffer)) buffer = GC.AllocateUninitializedArray<byte>(_maxChunk);
        try
        {
            var at = 0L;
            if (batch is not null)
            {
                await foreach (var item in tree.ReadContentAsync(entry.Content!, cancellationToken)) at = await WriteItemAsync(file, entry, item, at, batch, buffer, cancellationToken);
            }
            else
            {
                await foreach (var (items, chunks) in WindowsAsync(entry, cancellationToken))
                {
                    using (chunks)
                    {
                        foreach (var item in items) at = await WriteItemAsync(file, entry, item, at, chunks, buffer, cancellationToken);
                    }
                }
            }

            if (at != entry.Size) throw Mismatch(entry, at);
            // A hole at the end has not been written.
            Files.Truncate(file, entry.Size);
        }
        finally
        {
            _buffers.Add(buffer);
        }
    }

    private async ValueTask<long> WriteItemAsync(DirectoryHandle file, TreeEntry entry, ContentItem item, long at, ChunkBatch? batch, byte[] buffer, CancellationToken cancellationToken)
    {
        // What a size says is not believed until the pieces bear it out: nothing is written past it.
        if (item.Length <= 0 || item.Length > entry.Size - at) throw Mismatch(entry, at);
        if (!item.IsHole)
        {
            var length = await reader.ReadAsync(item.Id, ChunkKind.Data, buffer, batch, cancellationToken);
            if (length != item.Length) throw Mismatch(entry, at + length);
            Files.WriteAt(file, buffer.AsSpan(0, length), at);
        }

        progress(item.Length);
        return at + item.Length;
    }

    /// <summary>
    /// A large file part by part, the next being read while one is written. Whoever takes a part gives it up; a part that nobody
    /// takes any more is given up here.
    /// </summary>
    private async IAsyncEnumerable<(List<ContentItem> Items, ChunkBatch Chunks)> WindowsAsync(TreeEntry entry, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Task<(List<ContentItem> Items, ChunkBatch Chunks)>? next = null;
        try
        {
            await foreach (var items in PartsAsync(entry, cancellationToken))
            {
                var ready = next;
                next = BeginAsync(items);
                if (ready is null) continue;
                yield return await ready;
            }

            if (next is { } last)
            {
                next = null;
                yield return await last;
            }
        }
        finally
        {
            if (next is not null) await GiveUpAsync(next);
        }

        async Task<(List<ContentItem> Items, ChunkBatch Chunks)> BeginAsync(List<ContentItem> items) =>
            (items, await fetcher.BeginAsync(items.Where(item => !item.IsHole).Select(item => item.Id), cancellationToken));
    }

    private static async Task GiveUpAsync(Task<(List<ContentItem> Items, ChunkBatch Chunks)> begun)
    {
        try
        {
            (await begun).Chunks.Dispose();
        }
        catch (OperationCanceledException)
        {
            // It was never begun.
        }
    }

    private async IAsyncEnumerable<List<ContentItem>> PartsAsync(TreeEntry entry, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // As long as what is read ahead of many small files: two of them are held at a time.
        var (items, bytes) = (new List<ContentItem>(), 0L);
        await foreach (var item in tree.ReadContentAsync(entry.Content!, cancellationToken))
        {
            items.Add(item);
            bytes += item.IsHole ? 0 : item.Length;
            if (bytes < ReadAhead.BatchBytes && items.Count < 1024) continue;
            yield return items;
            (items, bytes) = ([], 0L);
        }

        if (items.Count > 0) yield return items;
    }

    private static RepositoryFormatException Mismatch(TreeEntry entry, long found) =>
        new("tree entry " + FileName.ToText(entry.Name.Span), 0, $"its content has {found} bytes or more, its size says {entry.Size}");
}
