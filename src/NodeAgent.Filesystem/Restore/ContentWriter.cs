using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Reading;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Restore;

/// <summary>Writes what a file holds: data at its place, holes by leaving them out.</summary>
internal sealed class ContentWriter(
    ChunkRepository repository, ChunkReader reader, ChunkFetcher fetcher, BundleShelf bundles, TreeReader tree, PartWriter parts, Action<long> progress)
{
    /// <summary>Bytes of a file from which the disk is told to begin with it. What is shorter is left to <see cref="EarlyFlush"/>: it is not worth a request of its own.</summary>
    public const int ShortestWriteback = 128 << 10;

    /// <summary>Parts of a file that are being read while others are written.</summary>
    private const int PartsAhead = 2;

    /// <summary>Bytes of a part as they are written: others of the file are to be written meanwhile.</summary>
    private const long MostOfPart = 16 << 20;

    /// <summary>Bytes that are looked through before what was found so far is written.</summary>
    private const long MostPassed = 64 << 20;

    private readonly ConcurrentBag<byte[]> _buffers = [];
    private readonly int _maxChunk = Math.Min(ChunkRepository.MaxChunkLength, repository.Config.Parameters.Chunker.MaxSize);

    /// <summary>Pieces of a file that follow each other, and their chunks as they lie in packs. Whoever has it disposes of the chunks.</summary>
    private readonly record struct Part(List<PlacedItem> Items, ChunkBatch Chunks);

    private delegate bool ItemTest(in PlacedItem item);

    /// <summary>Whether a file has an item already; the buffer is free to be used for it.</summary>
    private delegate bool IsThereTest(in PlacedItem item, byte[] buffer);

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
                using (var bundle = await bundles.OpenAsync(slice.Chunk, batch, cancellationToken))
                {
                    Files.WriteAt(file, Slice(bundle, slice, entry), 0);
                }

                progress(entry.Size);
                return;
            case WholeHole hole:
                if (hole.HoleLength != entry.Size) throw Mismatch(entry, hole.HoleLength);
                Files.Truncate(file, entry.Size);
                progress(entry.Size);
                return;
            default:
                if (batch is not null) await WriteBatchedAsync(file, entry, batch, cancellationToken);
                else await WritePartsAsync(file, entry, isNew: true, (in item, _) => item.Content.IsHole, cancellationToken);
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

        var before = size;
        await WritePartsAsync(file, entry, isNew: false, IsThere, cancellationToken);

        bool IsThere(in PlacedItem item, byte[] buffer)
        {
            if (item.Content.IsHole)
            {
                if (item.At < before && Files.NextExtent(file, item.At, before) is { } data && data.Start < item.End) Files.MakeHole(file, item.At, Math.Min(item.Content.Length, before - item.At));
                return true;
            }

            if (item.End > before) return false;
            var range = buffer.AsSpan(0, (int)item.Content.Length);
            return Files.ReadAt(file, range, item.At) == range.Length && repository.ComputeId(ChunkKind.Data, range) == item.Content.Id;
        }
    }

    private async ValueTask<bool> IsSameAsync(DirectoryHandle file, TreeEntry entry, CancellationToken cancellationToken)
    {
        if (entry.Content is InlineContent inline) return IsSame(inline.Bytes.Span);
        var slice = (BundleSlice)entry.Content!;
        using var bundle = await bundles.OpenAsync(slice.Chunk, null, cancellationToken);
        return IsSame(Slice(bundle, slice, entry));

        bool IsSame(ReadOnlySpan<byte> wanted)
        {
            var there = new byte[wanted.Length];
            return Files.ReadAt(file, there, 0) == there.Length && wanted.SequenceEqual(there);
        }
    }

    private static ReadOnlySpan<byte> Slice(BundleShelf.Loan bundle, BundleSlice slice, TreeEntry entry)
    {
        var content = bundle.Content.Span;
        if (slice.SliceLength != entry.Size || slice.Offset < 0 || slice.Offset > content.Length - slice.SliceLength) throw Mismatch(entry, slice.SliceLength);
        return content.Slice(slice.Offset, slice.SliceLength);
    }

    /// <summary>A file whose chunks are in a batch, which several files share.</summary>
    private async Task WriteBatchedAsync(DirectoryHandle file, TreeEntry entry, ChunkBatch batch, CancellationToken cancellationToken)
    {
        var buffer = RentBuffer();
        try
        {
            var end = 0L;
            await foreach (var item in PlacedAsync(entry, cancellationToken))
            {
                if (!item.Content.IsHole)
                {
                    await WriteChunkAsync(file, entry, item, batch, buffer, cancellationToken);
                    end = item.End;
                }

                progress(item.Content.Length);
            }

            // A hole at the end has not been written.
            if (end != entry.Size) Files.Truncate(file, entry.Size);
            if (end >= ShortestWriteback) Files.BeginWriteback(file, 0, end);
        }
        finally
        {
            _buffers.Add(buffer);
        }
    }

    /// <summary>
    /// A file that brings its own batches, part by part: some are being read while others are written. What is there already is no part of any, so that little is read
    /// for a file in which little differs.
    /// </summary>
    private async Task WritePartsAsync(DirectoryHandle file, TreeEntry entry, bool isNew, IsThereTest isThere, CancellationToken cancellationToken)
    {
        var buffer = RentBuffer();
        using var large = new LargeFile(file, isNew);
        var underWay = new List<Task>();
        try
        {
            await foreach (var (items, chunks) in PartsReadAsync(entry, Missing, cancellationToken))
            {
                underWay.Add(await parts.BeginAsync(large, entry, items, chunks, cancellationToken));
                // One that failed ends the file, and what comes after it need not be written.
                if (underWay.Exists(static part => part.IsFaulted)) break;
                underWay.RemoveAll(static part => part.IsCompletedSuccessfully);
            }

            await Task.WhenAll(underWay).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            ThrowFailure(underWay);
            // A file is whole only when every part of it is: nothing else that a part may end in passes for that.
            await Task.WhenAll(underWay);
            // A cut that changes nothing would still wait until the last page is written, a look does not. It is asked for at the end: whoever has the file open may have
            // written more to it.
            if (Files.Status(file, []).Size != entry.Size) Files.Truncate(file, entry.Size);
        }
        catch (RepositoryException)
        {
            // A full disk is told before what else is wrong with a file: it ends the run.
            await Task.WhenAll(underWay).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            ThrowFailure(underWay);
            throw;
        }
        finally
        {
            // Nobody writes to the file any more when this returns.
            await Task.WhenAll(underWay).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _buffers.Add(buffer);
        }

        bool Missing(in PlacedItem item)
        {
            // A long file that is there already is not looked through to its end for nothing.
            cancellationToken.ThrowIfCancellationRequested();
            ThrowFailure(underWay);
            if (!item.Content.IsHole && item.Content.Length > buffer.Length) throw Mismatch(entry, item.At);
            if (!isThere(item, buffer)) return true;
            progress(item.Content.Length);
            return false;
        }
    }

    /// <summary>What ends the run before what ends the file alone.</summary>
    private static void ThrowFailure(List<Task> parts)
    {
        var failures = parts.Where(part => part.IsFaulted).Select(part => part.Exception!.InnerException!).ToList();
        if ((failures.Find(failure => failure is FileSystemException { FailsWhatFollows: true }) ?? failures.FirstOrDefault()) is { } failure)
            ExceptionDispatchInfo.Throw(failure);
    }

    private async ValueTask WriteChunkAsync(DirectoryHandle file, TreeEntry entry, PlacedItem item, ChunkBatch batch, byte[] buffer, CancellationToken cancellationToken)
    {
        var length = await reader.ReadAsync(item.Content.Id, ChunkKind.Data, buffer, batch, cancellationToken);
        if (length != item.Content.Length) throw Mismatch(entry, item.At + length);
        Files.WriteAt(file, buffer.AsSpan(0, length), item.At);
    }

    /// <summary>Whoever takes a part gives it up; those that nobody takes any more are given up here.</summary>
    private async IAsyncEnumerable<Part> PartsReadAsync(TreeEntry entry, ItemTest isWanted, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var begun = new Queue<Task<Part>>();
        try
        {
            await foreach (var (items, isSparse) in PartsAsync(entry, isWanted, cancellationToken))
            {
                if (items.Count > 0) begun.Enqueue(BeginAsync(items));
                // What was begun takes memory that other files wait for: it does not wait until the rest of a file that is there already has been looked through.
                while (begun.Count > (isSparse ? 0 : PartsAhead)) yield return await ReadAsync(await begun.Dequeue());
            }

            while (begun.TryDequeue(out var next)) yield return await ReadAsync(await next);
        }
        finally
        {
            while (begun.TryDequeue(out var next)) await GiveUpAsync(next);
        }

        // A chunk that is longer than the file says is refused when it is written, and not worth the memory.
        async Task<Part> BeginAsync(List<PlacedItem> items) =>
            new(items, await fetcher.BeginAsync(items.Where(item => reader.TryLocate(item.Content.Id, out var location) && location.PlainLength <= item.Content.Length).Select(item => item.Content.Id), cancellationToken));

        // Whoever writes it is not to wait for the store: there are few of them.
        static async Task<Part> ReadAsync(Part part)
        {
            // Where a read failed in a way that nobody foresaw, whoever writes the part meets it.
            await part.Chunks.WhenReadAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return part;
        }
    }

    private static async Task GiveUpAsync(Task<Part> begun)
    {
        try
        {
            (await begun).Chunks.Dispose();
        }
        catch (Exception)
        {
            // It was never begun, for a reason that has ended the file already, or that is no worse than that one.
        }
    }

    /// <summary>Pieces that are wanted; few or none of them, and said to be sparse, where little was found over a long stretch.</summary>
    private async IAsyncEnumerable<(List<PlacedItem> Items, bool IsSparse)> PartsAsync(TreeEntry entry, ItemTest isWanted, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // As long to read as what is read ahead of many small files; of what shrinks well, several times as long to write.
        var (items, stored, bytes, passed) = (new List<PlacedItem>(), 0L, 0L, 0L);
        await foreach (var item in PlacedAsync(entry, cancellationToken))
        {
            if (isWanted(item))
            {
                items.Add(item);
                bytes += item.Content.Length;
                stored += reader.TryLocate(item.Content.Id, out var location) ? location.StoredLength : item.Content.Length;
            }
            else if (!item.Content.IsHole)
            {
                passed += item.Content.Length;
            }

            if (stored < ReadAhead.BatchBytes && bytes < MostOfPart && items.Count < 1024 && passed < MostPassed) continue;
            yield return (items, passed >= MostPassed);
            (items, stored, bytes, passed) = ([], 0L, 0L, 0L);
        }

        if (items.Count > 0) yield return (items, false);
    }

    /// <summary>What the file consists of. What a size says is not believed until the pieces bear it out: nothing is written past it.</summary>
    private async IAsyncEnumerable<PlacedItem> PlacedAsync(TreeEntry entry, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var at = 0L;
        await foreach (var item in tree.ReadContentAsync(entry.Content!, cancellationToken))
        {
            if (item.Length <= 0 || item.Length > entry.Size - at) throw Mismatch(entry, at);
            yield return new PlacedItem(item, at);
            at += item.Length;
        }

        if (at != entry.Size) throw Mismatch(entry, at);
    }

    private byte[] RentBuffer() => _buffers.TryTake(out var buffer) ? buffer : GC.AllocateUninitializedArray<byte>(_maxChunk);

    /// <summary>What an entry's content and its size disagree in.</summary>
    internal static RepositoryFormatException Mismatch(TreeEntry entry, long found) =>
        new("tree entry " + FileName.ToText(entry.Name.Span), 0, $"its content has {found} bytes or more, its size says {entry.Size}");
}
