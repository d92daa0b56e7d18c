using NodeAgent.Repository.Stores;

namespace NodeAgent.Filesystem.Tests.Support;

/// <summary>A store that tells of every object before it is written, so that a test can act at a known moment of a run.</summary>
internal sealed class WatchedStore(IObjectStore inner) : IObjectStore
{
    /// <summary>Called before an object is written, with its key; the write waits for it.</summary>
    public Func<string, Task> BeforePut { get; set; } = _ => Task.CompletedTask;

    /// <summary>Called before an object is read; the read waits for it.</summary>
    public Action<string> BeforeRead { get; set; } = _ => { };

    /// <summary>The same for a part of an object, with its place and length.</summary>
    public Action<string, long, int> BeforeReadRange { get; set; } = (_, _, _) => { };

    public string Location => inner.Location;

    public bool HasExclusiveFences => inner.HasExclusiveFences;

    /// <summary>Set before a run, to be taken for a store that is far away.</summary>
    public int WorthwhileRead { get; set; }

    public ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken) => inner.GetTimeAsync(cancellationToken);

    public async ValueTask<IFence> OpenFenceAsync(FenceMode mode, TimeSpan lifetime, CancellationToken cancellationToken) =>
        new HeldFence(this, await inner.OpenFenceAsync(mode, lifetime, cancellationToken));

    public async ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        await BeforePut(key).WaitAsync(cancellationToken);
        return await inner.PutAsync(key, body, cancellationToken);
    }

    public ValueTask ReadAsync(string key, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        BeforeRead(key);
        BeforeReadRange(key, offset, destination.Length);
        return inner.ReadAsync(key, offset, destination, cancellationToken);
    }

    public ValueTask<byte[]> ReadAllAsync(string key, long maxLength, CancellationToken cancellationToken)
    {
        BeforeRead(key);
        return inner.ReadAllAsync(key, maxLength, cancellationToken);
    }

    public ValueTask<StoreEntry?> StatAsync(string key, CancellationToken cancellationToken) => inner.StatAsync(key, cancellationToken);

    public IAsyncEnumerable<StoreEntry> ListAsync(string prefix, CancellationToken cancellationToken) => inner.ListAsync(prefix, cancellationToken);

    public ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken) => inner.DeleteAsync(key, cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
