using System.Collections.Concurrent;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>Reads a file that is larger than a bundle takes: data extents are cut into chunks, holes are noted and never read.</summary>
internal sealed class FileReader(WriteSession session, FastCdc chunker, Action<long> progress)
{
    private readonly ConcurrentBag<byte[]> _buffers = [];

    private int WindowLength => chunker.Parameters.MaxSize + (1 << 20);

    /// <summary>Reads the file to its end and returns what was read and how long it is.</summary>
    public async Task<CapturedContent> ReadAsync(DirectoryHandle file, FileStatus status, CancellationToken cancellationToken)
    {
        if (!_buffers.TryTake(out var buffer)) buffer = GC.AllocateUninitializedArray<byte>(WindowLength);
        using var list = new ContentListWriter(async (kind, plaintext, token) => (await session.StoreAsync(kind, plaintext, token)).Id);
        try
        {
            Files.AdviseSequentialRead(file);
            if (!status.MayHaveHoles)
            {
                await ReadExtentAsync(file, buffer, 0, long.MaxValue, list, cancellationToken);
            }
            else
            {
                long at = 0;
                while (at < status.Size && Files.NextExtent(file, at, status.Size) is { } extent)
                {
                    if (extent.Start > at) await AddHoleAsync(extent.Start - at);
                    var end = await ReadExtentAsync(file, buffer, extent.Start, extent.End, list, cancellationToken);
                    at = extent.End;
                    if (end < extent.End) break; // it became shorter
                }

                if (list.Length < status.Size && at < status.Size) await AddHoleAsync(status.Size - Math.Max(at, list.Length));
            }

            Files.AdviseNotNeeded(file);
            var content = await list.CompleteAsync(cancellationToken);
            return new CapturedContent(content, content.Length, false);
        }
        finally
        {
            _buffers.Add(buffer);
        }

        async ValueTask AddHoleAsync(long length)
        {
            await list.AddAsync(ContentItem.Hole(length), cancellationToken);
            progress(length);
        }
    }

    private async Task<long> ReadExtentAsync(DirectoryHandle file, byte[] buffer, long start, long end, ContentListWriter list, CancellationToken cancellationToken)
    {
        var filled = 0;
        var at = start;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var wanted = (int)Math.Min(buffer.Length - filled, end - at);
            var read = wanted > 0 ? Files.ReadAt(file, buffer.AsSpan(filled, wanted), at) : 0;
            at += read;
            filled += read;
            var isLast = read < wanted || at >= end;
            var done = 0;
            while (done < filled)
            {
                var length = chunker.FindCut(buffer.AsSpan(done, filled - done), isLast);
                if (length < 0) break;
                var stored = await session.StoreAsync(ChunkKind.Data, buffer.AsMemory(done, length), cancellationToken);
                await list.AddAsync(ContentItem.Data(stored.Id, length), cancellationToken);
                progress(length);
                done += length;
            }

            buffer.AsSpan(done, filled - done).CopyTo(buffer);
            filled -= done;
            if (isLast) return at;
        }
    }
}
