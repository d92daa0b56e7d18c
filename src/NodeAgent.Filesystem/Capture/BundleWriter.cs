using System.Collections.Concurrent;
using NodeAgent.Repository;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Sessions;
using NodeAgent.Repository.Trees;

namespace NodeAgent.Filesystem.Capture;

/// <summary>
/// Puts small files together into chunks, in the order of the walk, across directories. Where a bundle ends depends on the
/// content of its last file alone, so that an edit changes one bundle and the next ones are as they were.
/// </summary>
/// <param name="stop">Cancelled when nobody waits for the chunks any more: the store may be away for long.</param>
internal sealed class BundleWriter(WriteSession session, BundleParameters parameters, Func<Func<Task>, Task> run, CancellationToken stop)
{
    /// <summary>
    /// Steps in the queue after which an open bundle is closed. The assembler waits for a bundle's files and the walk waits
    /// for the assembler, so a bundle must end before the queue between them is full. It is a fixed number, and not the moment
    /// when the queue is full, so that where bundles end does not depend on how fast each side is.
    /// </summary>
    public const int MaxSteps = 2048;

    /// <summary>Of bundles that are stored: as many as were ever waiting at once, which the throttle of the workers bounds.</summary>
    private readonly ConcurrentBag<byte[]> _free = [];
    private byte[]? _buffer;
    private int _length;
    private int _steps;
    private TaskCompletionSource<ChunkId> _chunk = New();

    /// <summary>Adds a whole file. Where it is, is known when the bundle is complete.</summary>
    public PendingSlice Add(ReadOnlySpan<byte> content)
    {
        if (_length + content.Length > parameters.MaxSize) Close();
        if (_buffer is null && !_free.TryTake(out _buffer)) _buffer = GC.AllocateUninitializedArray<byte>(parameters.MaxSize);
        var slice = new PendingSlice(_chunk.Task, _length, content.Length);
        content.CopyTo(_buffer.AsSpan(_length));
        _length += content.Length;
        if (_length >= parameters.MinSize && EndsBundle(content)) Close();
        return slice;
    }

    /// <summary>Tells that one more step is about to be put into the queue: an entry or the end of a directory.</summary>
    public void Step()
    {
        if (_length > 0 && ++_steps >= MaxSteps) Close();
    }

    /// <summary>Stores the open bundle.</summary>
    public void Close()
    {
        if (_length == 0) return;
        var (buffer, length, chunk) = (_buffer!, _length, _chunk);
        (_buffer, _length, _steps, _chunk) = (null, 0, 0, New());
        _ = StoreAsync(buffer, length, chunk);
    }

    /// <summary>The walk failed: whoever waits for a slice of the open bundle gets the reason instead of waiting for ever.</summary>
    public void Abandon(Exception reason) => _chunk.TrySetException(reason);

    private static TaskCompletionSource<ChunkId> New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private bool EndsBundle(ReadOnlySpan<byte> content) =>
        (session.ComputeId(ChunkKind.Data, content).Prefix & ((1UL << parameters.CutBits) - 1)) == 0;

    private async Task StoreAsync(byte[] buffer, int length, TaskCompletionSource<ChunkId> chunk)
    {
        try
        {
            await run(async () => chunk.TrySetResult((await session.StoreAsync(ChunkKind.Data, buffer.AsMemory(0, length), stop)).Id));
        }
        catch (Exception exception)
        {
            // Whoever waits for a slice of this bundle gets the reason.
            chunk.TrySetException(exception);
        }
        finally
        {
            _free.Add(buffer);
        }
    }
}
