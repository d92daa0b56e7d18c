using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Cli.Machine;

/// <summary>The content of a file in a snapshot as a run of bytes, holes written out as zeros.</summary>
internal static class SnapshotContent
{
    // The hard limit of the format for a data chunk; the repository's own maximum is lower, and the reader checks it.
    private const int MaxDataChunk = 16 << 20;

    // 64 KiB: what a pipe takes at once.
    private static readonly byte[] Zeros = new byte[64 << 10];

    public static async Task WriteAsync(SnapshotTree snapshot, TreeEntry entry, Stream destination, CancellationToken cancellationToken)
    {
        switch (entry.Content)
        {
            case null:
                return;
            case InlineContent inline:
                await destination.WriteAsync(inline.Bytes, cancellationToken);
                return;
            case BundleSlice slice:
                await WriteChunkAsync(snapshot, slice.Chunk, slice.Offset, slice.SliceLength, destination, cancellationToken);
                return;
        }

        await foreach (var item in snapshot.Entries.ReadContentAsync(entry.Content, cancellationToken))
        {
            if (item.IsHole)
                await WriteZerosAsync(item.Length, destination, cancellationToken);
            else
                await WriteChunkAsync(snapshot, item.Id, 0, item.Length, destination, cancellationToken);
        }
    }

    private static async Task WriteChunkAsync(SnapshotTree snapshot, ChunkId id, int offset, long length, Stream destination, CancellationToken cancellationToken)
    {
        var plaintext = await snapshot.Chunks(ChunkKind.Data, id, MaxDataChunk, cancellationToken);
        if (plaintext.Length - offset < length)
            throw new RepositoryFormatException($"data chunk {id}", plaintext.Length, $"it ends here, and a file needs its bytes {offset} to {offset + length}");
        await destination.WriteAsync(plaintext.Slice(offset, (int)length), cancellationToken);
    }

    private static async Task WriteZerosAsync(long length, Stream destination, CancellationToken cancellationToken)
    {
        for (; length > 0; length -= Zeros.Length)
            await destination.WriteAsync(Zeros.AsMemory(0, (int)Math.Min(length, Zeros.Length)), cancellationToken);
    }
}
