using System.Collections.Concurrent;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Restore;

/// <summary>Writes what a file holds: data at its place, holes by leaving them out.</summary>
internal sealed class ContentWriter(ChunkReader reader, TreeReader tree, int maxChunk, Action<long> progress)
{
    private readonly ConcurrentBag<byte[]> _buffers = [];

    /// <summary>Writes the content of an entry into an empty file.</summary>
    /// <exception cref="RepositoryFormatException">The content does not add up to the entry's size.</exception>
    public async Task WriteAsync(DirectoryHandle file, TreeEntry entry, CancellationToken cancellationToken)
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
                var bundle = await reader.ReadSharedAsync(ChunkKind.Data, slice.Chunk, maxChunk, cancellationToken);
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
                await WriteItemsAsync(file, entry, cancellationToken);
                return;
        }
    }

    private async Task WriteItemsAsync(DirectoryHandle file, TreeEntry entry, CancellationToken cancellationToken)
    {
        if (!_buffers.TryTake(out var buffer)) buffer = GC.AllocateUninitializedArray<byte>(maxChunk);
        try
        {
            var at = 0L;
            await foreach (var item in tree.ReadContentAsync(entry.Content!, cancellationToken))
            {
                // What a size says is not believed until the pieces bear it out: nothing is written past it.
                if (item.Length <= 0 || item.Length > entry.Size - at) throw Mismatch(entry, at);
                if (!item.IsHole)
                {
                    var length = await reader.ReadAsync(item.Id, ChunkKind.Data, buffer, cancellationToken);
                    if (length != item.Length) throw Mismatch(entry, at + length);
                    Files.WriteAt(file, buffer.AsSpan(0, length), at);
                }

                at += item.Length;
                progress(item.Length);
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

    private static RepositoryFormatException Mismatch(TreeEntry entry, long found) =>
        new("tree entry " + FileName.ToText(entry.Name.Span), 0, $"its content has {found} bytes or more, its size says {entry.Size}");
}
