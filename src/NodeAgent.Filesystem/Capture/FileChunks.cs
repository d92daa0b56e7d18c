using System.Collections.Concurrent;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>
/// The chunks of one file on their way into the repository. Whoever reads the file brings them in their order; workers with nothing else to do
/// hash, compress and encrypt them, the reader does so itself when enough wait, and they are noted in their order. So one large file keeps all
/// workers busy, and where there are other files none waits for another.
/// </summary>
internal sealed class FileChunks(WriteSession session, WorkerPool workers, ContentListWriter list, Action<long> progress, CancellationToken cancellationToken)
{
    private readonly ConcurrentQueue<Chunk> _waiting = new();
    private readonly Queue<Chunk> _order = new();
    private int _helpers;

    /// <summary>Chunks that wait, for each worker.</summary>
    private const int MostWaiting = 2;

    /// <summary>Takes a chunk, which lies in the window until it is stored.</summary>
    public async ValueTask AddAsync(ReadWindow window, int offset, int length)
    {
        window.Share();
        var chunk = new Chunk(window, offset, length);
        _order.Enqueue(chunk);
        _waiting.Enqueue(chunk);
        // Some wait for each worker, so that none is idle while this thread works on a long one, or reads.
        if (Volatile.Read(ref _helpers) < workers.Workers - 1) TryCallHelper();
        while (_waiting.Count >= workers.Workers * MostWaiting && _waiting.TryDequeue(out var mine)) await StoreAsync(mine);
        while (_order.TryPeek(out var done) && done.Id.Task.IsCompleted) await NoteAsync(_order.Dequeue());
    }

    /// <summary>Takes a hole; everything before it is stored first.</summary>
    public async ValueTask AddHoleAsync(long length)
    {
        await CompleteAsync();
        await list.AddAsync(ContentItem.Hole(length), cancellationToken);
        progress(length);
    }

    /// <summary>Stores the next chunk that nobody has begun with, or else waits for the first that is not noted; false when everything is stored and noted.</summary>
    public async ValueTask<bool> StoreOneAsync()
    {
        if (_waiting.TryDequeue(out var mine)) await StoreAsync(mine);
        else if (_order.TryDequeue(out var next)) await NoteAsync(next);
        else return false;
        return true;
    }

    /// <summary>Waits until everything is stored and noted.</summary>
    public async ValueTask CompleteAsync()
    {
        while (_waiting.TryDequeue(out var mine)) await StoreAsync(mine);
        while (_order.TryDequeue(out var next)) await NoteAsync(next);
    }

    /// <summary>After a failure: lets go of what nobody has begun with, and waits for the rest.</summary>
    public async ValueTask AbandonAsync()
    {
        while (_waiting.TryDequeue(out var chunk))
        {
            chunk.Id.TrySetCanceled();
            chunk.Window.Release();
        }

        while (_order.TryDequeue(out var chunk)) await chunk.Id.Task.ContinueWith(static t => _ = t.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private void TryCallHelper()
    {
        Interlocked.Increment(ref _helpers);
        if (!workers.TryRunNow(HelpAsync)) Interlocked.Decrement(ref _helpers);
    }

    private async Task HelpAsync()
    {
        // Other files and bundles come first: this one has a worker already.
        while (!workers.IsWanted && _waiting.TryDequeue(out var chunk)) await StoreAsync(chunk);
        Interlocked.Decrement(ref _helpers);
    }

    /// <summary>Whoever notes the chunk gets the failure.</summary>
    private async ValueTask StoreAsync(Chunk chunk)
    {
        try
        {
            var stored = await session.StoreAsync(ChunkKind.Data, chunk.Window.Bytes.AsMemory(chunk.Offset, chunk.Length), cancellationToken);
            chunk.Window.Release();
            chunk.Id.TrySetResult(stored.Id);
        }
        catch (Exception exception)
        {
            chunk.Window.Release();
            chunk.Id.TrySetException(exception);
        }
    }

    private async ValueTask NoteAsync(Chunk chunk)
    {
        await list.AddAsync(ContentItem.Data(await chunk.Id.Task, chunk.Length), cancellationToken);
        progress(chunk.Length);
    }

    private sealed record Chunk(ReadWindow Window, int Offset, int Length)
    {
        public TaskCompletionSource<ChunkId> Id { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
