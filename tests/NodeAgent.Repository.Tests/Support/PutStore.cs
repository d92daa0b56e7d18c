using System.Runtime.CompilerServices;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.Support;

/// <summary>A directory store of which a test says what happens before a put or a listing is done.</summary>
internal sealed class PutStore(string root) : IObjectStore
{
    private readonly DirectoryStore _inner = new(root);

    /// <summary>Called with the key and the put's own token; the put goes on when it returns.</summary>
    public Func<string, CancellationToken, Task> BeforePut { get; set; } = static (_, _) => Task.CompletedTask;

    /// <summary>The same with the body, after that.</summary>
    public Action<string, ReadOnlyMemory<byte>> OnBody { get; set; } = static (_, _) => { };

    /// <summary>The same with the prefix of a listing.</summary>
    public Func<string, Task> BeforeList { get; set; } = static _ => Task.CompletedTask;

    public string Location => _inner.Location;

    public bool HasExclusiveFences => _inner.HasExclusiveFences;

    public ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken) => _inner.GetTimeAsync(cancellationToken);

    public async ValueTask<IFence> OpenFenceAsync(FenceMode mode, TimeSpan lifetime, CancellationToken cancellationToken) =>
        new HeldFence(this, await _inner.OpenFenceAsync(mode, lifetime, cancellationToken));

    public async ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        await BeforePut(key, cancellationToken);
        OnBody(key, body);
        return await _inner.PutAsync(key, body, cancellationToken);
    }

    public ValueTask ReadAsync(string key, long offset, Memory<byte> destination, CancellationToken cancellationToken) => _inner.ReadAsync(key, offset, destination, cancellationToken);

    public ValueTask<byte[]> ReadAllAsync(string key, long maxLength, CancellationToken cancellationToken) => _inner.ReadAllAsync(key, maxLength, cancellationToken);

    public ValueTask<StoreEntry?> StatAsync(string key, CancellationToken cancellationToken) => _inner.StatAsync(key, cancellationToken);

    public async IAsyncEnumerable<StoreEntry> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await BeforeList(prefix);
        await foreach (var entry in _inner.ListAsync(prefix, cancellationToken)) yield return entry;
    }

    public ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken) => _inner.DeleteAsync(key, cancellationToken);

    public ValueTask DisposeAsync() => _inner.DisposeAsync();
}
