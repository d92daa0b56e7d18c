using NodeAgent.Filesystem.Interop;
using NodeAgent.Repository.Chunking;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>Reads a file that is larger than a bundle takes: data extents are cut into chunks, holes are noted and never read.</summary>
internal sealed class FileReader(WriteSession session, FastCdc chunker, WorkerPool workers, Action<long> progress)
{
    /// <summary>
    /// What is read of a file beyond its size: some file systems do not know it and say 0 (process files, documents that FUSE makes on the fly), and others grow meanwhile.
    /// Not everything, because one that never ends would fill the repository.
    /// </summary>
    public const long MostBeyondSize = 64 << 20;

    private readonly ReadWindows _windows = new(chunker.Parameters.MaxSize + (1 << 20), Math.Max(workers.Workers * 2 - 1, 1));

    /// <summary>Where reading ends at the latest.</summary>
    public static long EndOf(in FileStatus status) => Math.Min(status.Size, long.MaxValue - MostBeyondSize) + MostBeyondSize;

    /// <summary>Reads the file to its end, or to <see cref="EndOf"/>, and returns what was read.</summary>
    /// <param name="file">Open for reading.</param>
    /// <param name="status">What it is.</param>
    /// <param name="whenRead">Called when nothing is left to be read of it, while some of it is still to be stored: another file may begin.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<FileContent> ReadAsync(DirectoryHandle file, FileStatus status, Action? whenRead, CancellationToken cancellationToken)
    {
        using var list = new ContentListWriter(async (kind, plaintext, token) => (await session.StoreAsync(kind, plaintext, token)).Id);
        var chunks = new FileChunks(session, workers, list, progress, cancellationToken);
        try
        {
            Files.AdviseSequentialRead(file);
            if (!status.MayHaveHoles)
            {
                await ReadExtentAsync(file, 0, EndOf(status), chunks, cancellationToken);
            }
            else
            {
                long at = 0, length = 0;
                while (at < status.Size && Files.NextExtent(file, at, status.Size) is { } extent)
                {
                    if (extent.Start > at) await chunks.AddHoleAsync(extent.Start - at);
                    length = await ReadExtentAsync(file, extent.Start, extent.End, chunks, cancellationToken);
                    at = extent.End;
                    if (length < extent.End) break; // it became shorter
                }

                if (length < status.Size && at < status.Size) await chunks.AddHoleAsync(status.Size - Math.Max(at, length));
            }

            whenRead?.Invoke();
            await chunks.CompleteAsync();
            Files.AdviseNotNeeded(file);
            return await list.CompleteAsync(cancellationToken);
        }
        finally
        {
            await chunks.AbandonAsync();
        }
    }

    /// <summary>Returns where the data ended.</summary>
    private async Task<long> ReadExtentAsync(DirectoryHandle file, long start, long end, FileChunks chunks, CancellationToken cancellationToken)
    {
        // Chunks of the extent before may still lie in the last window that there is, with nobody to store them but this file.
        var window = _windows.TryTakeAnother();
        while (window is null && await chunks.StoreOneAsync()) window = _windows.TryTakeAnother();
        window ??= await _windows.TakeAsync(cancellationToken);
        try
        {
            var filled = 0;
            var at = start;
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var wanted = (int)Math.Min(window.Bytes.Length - filled, end - at);
                var read = wanted > 0 ? Files.ReadAt(file, window.Bytes.AsSpan(filled, wanted), at) : 0;
                at += read;
                filled += read;
                var isLast = read < wanted || at >= end;
                // The kernel reads ahead a fraction of a window, and nothing while this one is cut and stored.
                if (!isLast) Files.AdviseRead(file, at, Math.Min(window.Bytes.Length, end - at));
                var done = 0;
                while (done < filled)
                {
                    var length = chunker.FindCut(window.Bytes.AsSpan(done, filled - done), isLast);
                    if (length < 0) break;
                    await chunks.AddAsync(window, done, length);
                    done += length;
                }

                if (isLast) return at;
                // The next part begins with what is left of this one. Where no other window is free, and none becomes free while this file's chunks are stored, this one
                // is free then.
                var next = _windows.TryTakeAnother();
                while (next is null && await chunks.StoreOneAsync()) next = _windows.TryTakeAnother();
                window.Bytes.AsSpan(done, filled - done).CopyTo((next ?? window).Bytes);
                if (next is not null)
                {
                    window.Release();
                    window = next;
                }

                filled -= done;
            }
        }
        finally
        {
            window.Release();
        }
    }
}
