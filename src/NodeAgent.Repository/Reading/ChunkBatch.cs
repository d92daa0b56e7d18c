using System.Buffers;
using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Reading;

/// <summary>
/// The envelopes of chunks that will be wanted soon, read together in ranges of packs, several at once. A chunk whose range could not
/// be read is not in it: it is then read alone, and what fails is told there. Disposed when none of its chunks is wanted any more.
/// </summary>
public sealed class ChunkBatch : IDisposable
{
    private readonly Dictionary<ChunkId, (Task<byte[]?> Range, int Start, ChunkLocation Location)> _envelopes = [];
    private readonly List<Task<byte[]?>> _ranges = [];
    private readonly CancellationTokenSource _ended;
    private readonly Budget _budget;
    private readonly long _bytes;

    private ChunkBatch(Budget budget, long bytes, CancellationToken cancellationToken)
    {
        (_budget, _bytes) = (budget, bytes);
        _ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
    }

    /// <summary>Begins to read. Waits until the budget has room for all of it, so that a batch which was begun can always be finished.</summary>
    internal static async ValueTask<ChunkBatch> BeginAsync(
        IObjectStore store, IReadOnlyCollection<(ChunkId Id, ChunkLocation Location)> chunks, Budget budget, Budget readsAtOnce, CancellationToken cancellationToken)
    {
        var ranges = RangePlanner.Plan(chunks);
        var bytes = ranges.Sum(range => (long)range.Length);
        await budget.TakeAsync(bytes, cancellationToken);
        var batch = new ChunkBatch(budget, bytes, cancellationToken);
        foreach (var range in ranges)
        {
            var read = ReadAsync(store, range, readsAtOnce, batch._ended.Token);
            batch._ranges.Add(read);
            foreach (var (id, location) in range.Chunks) batch._envelopes[id] = (read, (int)(location.Offset - range.Offset), location);
        }

        return batch;
    }

    /// <summary>The envelope of a chunk and where it was; null for one that is not here. Valid until the batch is disposed.</summary>
    internal async ValueTask<(ReadOnlyMemory<byte> Envelope, ChunkLocation Location)?> TryGetAsync(ChunkId id)
    {
        if (!_envelopes.TryGetValue(id, out var place) || await place.Range is not { } range) return null;
        return (range.AsMemory(place.Start, place.Location.StoredLength), place.Location);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ended.Cancel();
        // What is still being read into stays taken until the read has ended.
        _ = Task.WhenAll(_ranges).ContinueWith(
            _ =>
            {
                foreach (var range in _ranges)
                {
                    if (range is { IsCompletedSuccessfully: true, Result: { } buffer }) ArrayPool<byte>.Shared.Return(buffer);
                }

                _budget.Return(_bytes);
                _ended.Dispose();
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    private static async Task<byte[]?> ReadAsync(IObjectStore store, PackRange range, Budget readsAtOnce, CancellationToken cancellationToken)
    {
        byte[]? buffer = null;
        try
        {
            await readsAtOnce.TakeAsync(1, cancellationToken);
            try
            {
                buffer = ArrayPool<byte>.Shared.Rent(range.Length);
                // A store of files reads on the thread that asks.
                await Task.Run(async () => await store.ReadAsync(range.Pack.Key, range.Offset, buffer.AsMemory(0, range.Length), cancellationToken), cancellationToken);
                return buffer;
            }
            finally
            {
                readsAtOnce.Return(1);
            }
        }
        catch (Exception exception) when (exception is RepositoryException or OperationCanceledException)
        {
            if (buffer is not null) ArrayPool<byte>.Shared.Return(buffer);
            return null;
        }
    }
}
