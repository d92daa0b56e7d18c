using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.Support;

/// <summary>A directory store of which a test says what becomes of a put before it is done.</summary>
internal sealed class PutStore(string root) : IObjectStore
{
    private readonly DirectoryStore _inner = new(root);

    /// <summary>Called with the key and the put's own token; the put goes on when it returns.</summary>
    public Func<string, CancellationToken, Task> BeforePut { get; set; } = static (_, _) => Task.CompletedTask;

    public string Location => _inner.Location;

    public bool HasExclusiveFences => _inner.HasExclusiveFences;

    public ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken) => _inner.GetTimeAsync(cancellationToken);

    public async ValueTask<IFence> OpenFenceAsync(FenceMode mode, TimeSpan lifetime, CancellationToken cancellationToken) =>
        new HeldFence(this, await _inner.OpenFenceAsync(mode, lifetime, cancellationToken));

    public async ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        await BeforePut(key, cancellationToken);
        return await _inner.PutAsync(key, body, cancellationToken);
    }

    public ValueTask ReadAsync(string key, long offset, Memory<byte> destination, CancellationToken cancellationToken) => _inner.ReadAsync(key, offset, destination, cancellationToken);

    public ValueTask<byte[]> ReadAllAsync(string key, long maxLength, CancellationToken cancellationToken) => _inner.ReadAllAsync(key, maxLength, cancellationToken);

    public ValueTask<StoreEntry?> StatAsync(string key, CancellationToken cancellationToken) => _inner.StatAsync(key, cancellationToken);

    public IAsyncEnumerable<StoreEntry> ListAsync(string prefix, CancellationToken cancellationToken) => _inner.ListAsync(prefix, cancellationToken);

    public ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken) => _inner.DeleteAsync(key, cancellationToken);

    public ValueTask DisposeAsync() => _inner.DisposeAsync();
}
