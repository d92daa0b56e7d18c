using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.Faults;

/// <summary>A directory store whose put of a given number fails, once; the process lives on.</summary>
internal sealed class FailingOnceStore(string root, int failAt) : IObjectStore
{
    private readonly DirectoryStore _inner = new(root);
    private int _puts;

    public string Location => _inner.Location;

    public bool HasExclusiveFences => _inner.HasExclusiveFences;

    public ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken) => _inner.GetTimeAsync(cancellationToken);

    public async ValueTask<IFence> OpenFenceAsync(FenceMode mode, TimeSpan lifetime, CancellationToken cancellationToken) =>
        new HeldFence(this, await _inner.OpenFenceAsync(mode, lifetime, cancellationToken));

    public ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken) =>
        Interlocked.Increment(ref _puts) == failAt
            ? throw new StoreException(StoreFailure.Transient, "writing", key, "the connection was lost")
            : _inner.PutAsync(key, body, cancellationToken);

    public ValueTask ReadAsync(string key, long offset, Memory<byte> destination, CancellationToken cancellationToken) =>
        _inner.ReadAsync(key, offset, destination, cancellationToken);

    public ValueTask<byte[]> ReadAllAsync(string key, long maxLength, CancellationToken cancellationToken) =>
        _inner.ReadAllAsync(key, maxLength, cancellationToken);

    public ValueTask<StoreEntry?> StatAsync(string key, CancellationToken cancellationToken) => _inner.StatAsync(key, cancellationToken);

    public IAsyncEnumerable<StoreEntry> ListAsync(string prefix, CancellationToken cancellationToken) => _inner.ListAsync(prefix, cancellationToken);

    public ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken) => _inner.DeleteAsync(key, cancellationToken);

    public ValueTask DisposeAsync() => _inner.DisposeAsync();
}
