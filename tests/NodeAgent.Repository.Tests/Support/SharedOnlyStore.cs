using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.Support;

/// <summary>A directory store that, as a bucket, cannot keep others out.</summary>
internal sealed class SharedOnlyStore(string root) : IObjectStore
{
    private readonly DirectoryStore _inner = new(root);

    /// <summary>Is run once, before the next put: what another process does at that moment.</summary>
    public Func<Task>? BeforePut { get; set; }

    /// <summary>The same before the next deletion.</summary>
    public Func<Task>? BeforeDelete { get; set; }

    /// <summary>Is run before each listing, with its prefix.</summary>
    public Action<string>? BeforeList { get; init; }

    public string Location => _inner.Location;

    public bool HasExclusiveFences => false;

    public ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken) => _inner.GetTimeAsync(cancellationToken);

    public ValueTask<IFence> OpenFenceAsync(FenceMode mode, TimeSpan lifetime, CancellationToken cancellationToken) => ValueTask.FromResult<IFence>(new HeldFence(this, null));

    public async ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        var before = BeforePut;
        BeforePut = null;
        if (before is not null) await before();
        return await _inner.PutAsync(key, body, cancellationToken);
    }

    public ValueTask ReadAsync(string key, long offset, Memory<byte> destination, CancellationToken cancellationToken) => _inner.ReadAsync(key, offset, destination, cancellationToken);

    public ValueTask<byte[]> ReadAllAsync(string key, long maxLength, CancellationToken cancellationToken) => _inner.ReadAllAsync(key, maxLength, cancellationToken);

    public ValueTask<StoreEntry?> StatAsync(string key, CancellationToken cancellationToken) => _inner.StatAsync(key, cancellationToken);

    public IAsyncEnumerable<StoreEntry> ListAsync(string prefix, CancellationToken cancellationToken)
    {
        BeforeList?.Invoke(prefix);
        return _inner.ListAsync(prefix, cancellationToken);
    }

    public async ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken)
    {
        var before = BeforeDelete;
        BeforeDelete = null;
        if (before is not null) await before();
        return await _inner.DeleteAsync(key, cancellationToken);
    }

    public ValueTask DisposeAsync() => _inner.DisposeAsync();
}
