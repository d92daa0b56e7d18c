using System.Collections.Concurrent;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Agent.Tests.Harness;

/// <summary>A directory store that counts requests by what they are for, such as <c>GET index</c>.</summary>
internal sealed class CountingStore(string root) : IObjectStore
{
    private readonly DirectoryStore _inner = new(root);

    public ConcurrentDictionary<string, int> Requests { get; } = new();

    public string Location => _inner.Location;

    public bool HasExclusiveFences => _inner.HasExclusiveFences;

    public ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken) => _inner.GetTimeAsync(cancellationToken);

    public async ValueTask<IFence> OpenFenceAsync(FenceMode mode, TimeSpan lifetime, CancellationToken cancellationToken) =>
        new HeldFence(this, await _inner.OpenFenceAsync(mode, lifetime, cancellationToken));

    public ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        Count("PUT", key);
        return _inner.PutAsync(key, body, cancellationToken);
    }

    public ValueTask ReadAsync(string key, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        Count("GET", key);
        return _inner.ReadAsync(key, offset, destination, cancellationToken);
    }

    public ValueTask<byte[]> ReadAllAsync(string key, long maxLength, CancellationToken cancellationToken)
    {
        Count("GET", key);
        return _inner.ReadAllAsync(key, maxLength, cancellationToken);
    }

    public ValueTask<StoreEntry?> StatAsync(string key, CancellationToken cancellationToken)
    {
        Count("HEAD", key);
        return _inner.StatAsync(key, cancellationToken);
    }

    public async IAsyncEnumerable<StoreEntry> ListAsync(string prefix, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // As object stores do: a thousand names for each request.
        var names = 0;
        Count("LIST", prefix);
        await foreach (var entry in _inner.ListAsync(prefix, cancellationToken))
        {
            if (++names > 1000)
            {
                names = 1;
                Count("LIST", prefix);
            }

            yield return entry;
        }
    }

    public ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken)
    {
        Count("DELETE", key);
        return _inner.DeleteAsync(key, cancellationToken);
    }

    public ValueTask DisposeAsync() => _inner.DisposeAsync();

    private void Count(string method, string key) => Requests.AddOrUpdate($"{method} {key.Split('/')[0]}", 1, (_, n) => n + 1);
}
