using NodeAgent.Repository.Index;
using NodeAgent.Repository.Interop;
using NodeAgent.Repository.Objects;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Reading;

/// <summary>
/// The envelopes of chunks that will be wanted soon, read together in ranges of packs, several at once. A chunk whose range could not
/// be read is not in it: it is then read alone, and what fails is told there. Disposed when none of its chunks is wanted any more.
/// </summary>
public sealed class ChunkBatch : IDisposable
{
    private readonly Dictionary<ChunkId, (Task<bool> Read, int Start, ChunkLocation Location)> _envelopes = [];
    private readonly List<Task<bool>> _reads = [];
    private readonly CancellationTokenSource _ended;
    private readonly Budget _budget;
    private readonly BatchBuffers _buffers;
    private readonly PageBuffer? _content;
    private readonly int _share;

    private ChunkBatch(Budget budget, BatchBuffers buffers, int bytes, CancellationToken cancellationToken)
    {
        (_budget, _buffers, _share) = (budget, buffers, buffers.SizeFor(bytes));
        _content = bytes == 0 ? null : buffers.Take(bytes);
        _ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
    }

    /// <summary>Begins to read. Waits until the budget has room for all of it, so that a batch which was begun can always be finished.</summary>
    internal static async ValueTask<ChunkBatch> BeginAsync(
        IObjectStore store, IReadOnlyCollection<(ChunkId Id, ChunkLocation Location)> chunks, Budget budget, BatchBuffers buffers, Budget readsAtOnce, bool isReadOnce, CancellationToken cancellationToken)
    {
        var ranges = RangePlanner.Plan(chunks);
        // For the disk to read into it, each lies as far from the beginning of a block of memory as it does from that of a block of the file.
        var (places, end) = (new int[ranges.Count], 0);
        for (var i = 0; i < places.Length; i++)
        {
            places[i] = end + (isReadOnce ? (int)((ranges[i].Offset - end) & (DirectFile.Alignment - 1)) : 0);
            end = checked(places[i] + ranges[i].Length);
        }

        await budget.TakeAsync(buffers.SizeFor(end), cancellationToken);
        ChunkBatch batch;
        try
        {
            batch = new ChunkBatch(budget, buffers, end, cancellationToken);
        }
        catch
        {
            budget.Return(buffers.SizeFor(end));
            throw;
        }

        for (var i = 0; i < places.Length; i++)
        {
            var (range, start) = (ranges[i], places[i]);
            var read = ReadAsync(store, range, batch._content!.Memory.Slice(start, range.Length), readsAtOnce, batch._ended.Token);
            batch._reads.Add(read);
            foreach (var (id, location) in range.Chunks) batch._envelopes[id] = (read, start + (int)(location.Offset - range.Offset), location);
        }

        return batch;
    }

    /// <summary>The envelope of a chunk and where it was; null for one that is not here. Valid until the batch is disposed.</summary>
    internal async ValueTask<(ReadOnlyMemory<byte> Envelope, ChunkLocation Location)?> TryGetAsync(ChunkId id)
    {
        if (!_envelopes.TryGetValue(id, out var place) || !await place.Read) return null;
        return (_content!.Memory.Slice(place.Start, place.Location.StoredLength), place.Location);
    }

    /// <summary>Ends when nothing is being read any more, whether or not all could be. Before <see cref="Dispose"/>.</summary>
    public Task WhenReadAsync() => Task.WhenAll(_reads);

    /// <inheritdoc/>
    public void Dispose()
    {
        _ended.Cancel();
        // What is still being read into stays taken until the read has ended.
        _ = Task.WhenAll(_reads).ContinueWith(
            _ =>
            {
                if (_content is not null) _buffers.Return(_content);
                _budget.Return(_share);
                _ended.Dispose();
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    private static async Task<bool> ReadAsync(IObjectStore store, PackRange range, Memory<byte> content, Budget readsAtOnce, CancellationToken cancellationToken)
    {
        try
        {
            await readsAtOnce.TakeAsync(1, cancellationToken);
            try
            {
                // A store of files reads on the thread that asks, which waits for the disk: those of the pool are as many as processors, and have other work.
                await Task.Factory.StartNew(
                    () => store.ReadAsync(range.Pack.Key, range.Offset, content, cancellationToken).AsTask(), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
                return true;
            }
            finally
            {
                readsAtOnce.Return(1);
            }
        }
        catch (Exception exception) when (exception is RepositoryException or OperationCanceledException or TaskSchedulerException)
        {
            // The last one: the system gave no thread.
            return false;
        }
    }
}
