using System.Collections.Concurrent;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.Support;

/// <summary>A directory store that notes what is read, and lets a test act just before.</summary>
internal sealed class ObservedStore(string root) : IObjectStore
{
    private readonly DirectoryStore _inner = new(root);

    public ConcurrentQueue<string> Read { get; } = new();

    /// <summary>Objects whose presence was asked for.</summary>
    public ConcurrentQueue<string> Asked { get; } = new();

    public Func<string, Task> BeforeReading { get; set; } = _ => Task.CompletedTask;

    public string Location => _inner.Location;

    public bool HasExclusiveFences => _inner.HasExclusiveFences;

    public ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken) => _inner.GetTimeAsync(cancellationToken);

    public async ValueTask<IFence> OpenFenceAsync(FenceMode mode, TimeSpan lifetime, CancellationToken cancellationToken) =>
        new HeldFence(this, await _inner.OpenFenceAsync(mode, lifetime, cancellationToken));

    public ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken) => _inner.PutAsync(key, body, cancellationToken);

    public ValueTask ReadAsync(string key, long offset, Memory<byte> destination, CancellationToken cancellationToken) =>
        _inner.ReadAsync(key, offset, destination, cancellationToken);

    public async ValueTask<byte[]> ReadAllAsync(string key, long maxLength, CancellationToken cancellationToken)
    {
        await BeforeReading(key);
        Read.Enqueue(key);
        return await _inner.ReadAllAsync(key, maxLength, cancellationToken);
    }

    public ValueTask<StoreEntry?> StatAsync(string key, CancellationToken cancellationToken)
    {
        Asked.Enqueue(key);
        return _inner.StatAsync(key, cancellationToken);
    }

    public IAsyncEnumerable<StoreEntry> ListAsync(string prefix, CancellationToken cancellationToken) => _inner.ListAsync(prefix, cancellationToken);

    public ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken) => _inner.DeleteAsync(key, cancellationToken);

    public ValueTask DisposeAsync() => _inner.DisposeAsync();
}
