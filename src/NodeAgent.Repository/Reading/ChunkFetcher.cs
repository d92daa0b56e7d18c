using NodeAgent.Repository.Index;
using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Reading;

/// <summary>Begins batches for one purpose, within one budget of memory. Thread-safe.</summary>
public sealed class ChunkFetcher
{
    private readonly ChunkRepository _repository;
    private readonly Budget _budget;
    private readonly BatchBuffers _buffers;
    private readonly Budget _readsAtOnce;
    private readonly bool _isReadOnce;

    internal ChunkFetcher(ChunkRepository repository, long budget, int readsAtOnce, bool isReadOnce)
    {
        _repository = repository;
        _budget = new Budget(budget);
        _buffers = new BatchBuffers(budget);
        _readsAtOnce = new Budget(readsAtOnce);
        _isReadOnce = isReadOnce;
    }

    /// <summary>Begins to read chunks. Those that the index does not name are left out: a reader looks for them when they are wanted.</summary>
    public ValueTask<ChunkBatch> BeginAsync(IEnumerable<ChunkId> chunks, CancellationToken cancellationToken) =>
        ChunkBatch.BeginAsync(_repository.Store, [.. Locate(chunks)], _budget, _buffers, _readsAtOnce, _isReadOnce, cancellationToken);

    private IEnumerable<(ChunkId Id, ChunkLocation Location)> Locate(IEnumerable<ChunkId> chunks)
    {
        foreach (var id in chunks)
        {
            if (_repository.Index.TryFind(id, out var location) && !_repository.Index.IsLost(location.Pack)) yield return (id, location);
        }
    }
}
