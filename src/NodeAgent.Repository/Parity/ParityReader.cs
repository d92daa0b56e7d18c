using NodeAgent.Repository.Objects;

namespace NodeAgent.Repository.Parity;

/// <summary>
/// Damaged packs as they were, for readers: the last one is kept, since what is read next lies beside what was read last. Thread-safe.
/// </summary>
internal sealed class ParityReader(ChunkRepository repository, Action<PackId>? onMended) : IDisposable
{
    private readonly SemaphoreSlim _one = new(1);
    private readonly HashSet<PackId> _seen = [];
    private PackId _pack;
    private byte[]? _content;

    /// <summary>A pack as it was; null when its parity does not have it.</summary>
    public async Task<byte[]?> TryReadAsync(PackId pack, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            if (_pack == pack && _seen.Contains(pack)) return _content;
            (_pack, _content) = (pack, await new ParityRepair(repository).TryReconstructAsync(pack.Key, cancellationToken));
            if (_seen.Add(pack) && _content is not null) onMended?.Invoke(pack);
            return _content;
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();
}
