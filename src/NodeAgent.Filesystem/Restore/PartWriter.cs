using System.Buffers;
using System.Collections.Concurrent;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Reading;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Restore;

/// <summary>
/// Writes parts of large files on threads of its own, which wait for the disk as well as for each other: those of the pool are as many as processors, and have other
/// work. Thread-safe.
/// </summary>
/// <param name="reader">Opens chunks.</param>
/// <param name="maxChunk">The longest chunk, bytes.</param>
/// <param name="workers">How many parts are opened at once; about as many more are being written meanwhile.</param>
/// <param name="progress">Told the bytes that were written.</param>
internal sealed class PartWriter(ChunkReader reader, int maxChunk, int workers, Action<long> progress) : IDisposable
{
    private readonly SemaphoreSlim _places = new(2 * workers);
    private readonly SemaphoreSlim _opening = new(workers);
    private readonly ConcurrentBag<Buffer> _buffers = [];

    /// <summary>Waits for a free thread, and begins. The result ends when the part is written, or could not be. The chunks are given up in every case.</summary>
    /// <param name="file">Where it belongs; stays open until the result has ended.</param>
    /// <param name="entry">The file's entry.</param>
    /// <param name="items">Data of the file, in order.</param>
    /// <param name="chunks">What was read of it.</param>
    /// <param name="cancellationToken">Ends it, with the file as it is then.</param>
    public async ValueTask<Task> BeginAsync(LargeFile file, TreeEntry entry, List<PlacedItem> items, ChunkBatch chunks, CancellationToken cancellationToken)
    {
        try
        {
            await _places.WaitAsync(cancellationToken);
        }
        catch
        {
            chunks.Dispose();
            throw;
        }

        try
        {
            return Task.Factory.StartNew(
                () =>
                {
                    try
                    {
                        using (chunks) Write(file, entry, items, chunks, cancellationToken);
                    }
                    finally
                    {
                        _places.Release();
                    }
                },
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default);
        }
        catch (TaskSchedulerException exception)
        {
            // Others still wait for the place, and for the memory.
            _places.Release();
            chunks.Dispose();
            throw new IOException("the system gives this process no further thread (raise its limit: pids.max of the container, or ulimit -u; or use fewer workers)", exception.InnerException ?? exception);
        }
    }

    public void Dispose()
    {
        _places.Dispose();
        _opening.Dispose();
        while (_buffers.TryTake(out var buffer)) buffer.Dispose();
    }

    private void Write(LargeFile file, TreeEntry entry, List<PlacedItem> items, ChunkBatch chunks, CancellationToken cancellationToken)
    {
        if (!_buffers.TryTake(out var buffer)) buffer = new Buffer(maxChunk);
        try
        {
            // The buffer holds a stretch without gaps that begins with the block of its first byte.
            var (at, from, end) = (0L, 0, 0);
            foreach (var item in items)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var length = (int)item.Content.Length;
                if (end > 0 && (at + end != item.At || end + length > buffer.Length)) Flush(isEnd: at + end != item.At);
                if (end == 0)
                {
                    from = (int)(item.At % LargeFile.Block);
                    (at, end) = (item.At - from, from);
                }

                Open(entry, item, chunks, buffer.Bytes[..(Buffer.Start + end + length)], Buffer.Start + end, cancellationToken);
                end += length;
            }

            Flush(isEnd: true);

            void Flush(bool isEnd)
            {
                var content = buffer.Bytes.Span.Slice(Buffer.Start, end);
                var written = file.Write(content, at, from, isEnd);
                progress(written - from);
                content[written..].CopyTo(content);
                (at, from, end) = (at + written, 0, isEnd ? 0 : end - written);
            }
        }
        finally
        {
            _buffers.Add(buffer);
        }
    }

    private void Open(TreeEntry entry, PlacedItem item, ChunkBatch chunks, Memory<byte> buffer, int start, CancellationToken cancellationToken)
    {
        _opening.Wait(cancellationToken);
        try
        {
            // What is in the batch and has been read is opened at once; else this thread may wait.
            var opened = reader.ReadAsync(item.Content.Id, ChunkKind.Data, buffer, start, chunks, cancellationToken);
            var length = opened.IsCompletedSuccessfully ? opened.Result : opened.AsTask().GetAwaiter().GetResult();
            if (length != buffer.Length - start) throw ContentWriter.Mismatch(entry, item.At + length);
        }
        finally
        {
            _opening.Release();
        }
    }

    /// <summary>Room for the longest chunk after what is left of a block, which begins where a disk can take it from.</summary>
    private sealed class Buffer(int maxChunk) : IDisposable
    {
        /// <summary>Of the first block. The one before it is room for a chunk to be decrypted.</summary>
        public const int Start = LargeFile.Block;

        private readonly IMemoryOwner<byte> _memory = DirectFile.CreateBuffer(Start + LargeFile.Block + maxChunk);

        public Memory<byte> Bytes => _memory.Memory;

        /// <summary>Bytes from the first block on.</summary>
        public int Length { get; } = LargeFile.Block + maxChunk;

        public void Dispose() => _memory.Dispose();
    }
}
