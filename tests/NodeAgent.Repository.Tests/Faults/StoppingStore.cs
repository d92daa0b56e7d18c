using System.Globalization;
using System.Runtime.CompilerServices;
using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.Faults;

/// <summary>A directory store whose process dies at the put of a given number: that call fails, and so does everything after it.</summary>
/// <param name="countsDeletes">Whether deletions count with the puts.</param>
internal sealed class StoppingStore(string root, int stopAt, StopMode mode, bool countsDeletes = false) : IObjectStore
{
    private readonly DirectoryStore _inner = new(root);
    private readonly Lock _gate = new();
    private int _puts;

    public string Location => _inner.Location;

    public bool HasExclusiveFences => _inner.HasExclusiveFences;

    public ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken) => _inner.GetTimeAsync(cancellationToken);

    public async ValueTask<IFence> OpenFenceAsync(FenceMode mode, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        ThrowIfStopped();
        return new HeldFence(this, await _inner.OpenFenceAsync(mode, lifetime, cancellationToken));
    }

    /// <summary>Whether it has come to that.</summary>
    public bool HasStopped { get; private set; }

    /// <summary>The object whose put or delete it was.</summary>
    public string? StoppedAt { get; private set; }

    public int Puts => _puts;

    public async ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        bool stops;
        lock (_gate)
        {
            ThrowIfStopped();
            stops = ++_puts == stopAt;
            if (stops) (HasStopped, StoppedAt) = (true, key);
        }

        if (!stops) return await _inner.PutAsync(key, body, cancellationToken);
        switch (mode)
        {
            case StopMode.After:
                await _inner.PutAsync(key, body, cancellationToken);
                break;
            case StopMode.Torn:
                var path = Path.Combine(root, key);
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                await File.WriteAllBytesAsync(
                    Path.Combine(Path.GetDirectoryName(path)!, ".nodeagent-tmp-" + stopAt.ToString("x32", CultureInfo.InvariantCulture)), body[..(body.Length / 2)], cancellationToken);
                break;
        }

        throw new StoppedException();
    }

    public ValueTask ReadAsync(string key, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        ThrowIfStopped();
        return _inner.ReadAsync(key, offset, destination, cancellationToken);
    }

    public ValueTask<byte[]> ReadAllAsync(string key, long maxLength, CancellationToken cancellationToken)
    {
        ThrowIfStopped();
        return _inner.ReadAllAsync(key, maxLength, cancellationToken);
    }

    public ValueTask<StoreEntry?> StatAsync(string key, CancellationToken cancellationToken)
    {
        ThrowIfStopped();
        return _inner.StatAsync(key, cancellationToken);
    }

    public async IAsyncEnumerable<StoreEntry> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var entry in _inner.ListAsync(prefix, cancellationToken))
        {
            ThrowIfStopped();
            yield return entry;
        }
    }

    public async ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken)
    {
        var stops = false;
        lock (_gate)
        {
            ThrowIfStopped();
            if (countsDeletes) stops = ++_puts == stopAt;
            if (stops) (HasStopped, StoppedAt) = (true, key);
        }

        var deleted = (!stops || mode == StopMode.After) && await _inner.DeleteAsync(key, cancellationToken);
        return stops ? throw new StoppedException() : deleted;
    }

    public ValueTask DisposeAsync() => _inner.DisposeAsync();

    private void ThrowIfStopped()
    {
        if (HasStopped) throw new StoppedException();
    }
}
