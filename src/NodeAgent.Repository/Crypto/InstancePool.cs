namespace NodeAgent.Repository.Crypto;

/// <summary>
/// Lends native cipher objects, which serve one thread at a time, to any number of threads without locks or allocation.
/// </summary>
/// <remarks>One slot per processor: a thread that finds all slots empty pays for a key schedule and disposes the surplus.</remarks>
internal sealed class InstancePool<T>(Func<T> create) : IDisposable
    where T : class, IDisposable
{
    private readonly T?[] _slots = new T?[Environment.ProcessorCount];
    private volatile bool _disposed;

    public T Rent()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        for (var i = 0; i < _slots.Length; i++)
        {
            if (_slots[i] is not null && Interlocked.Exchange(ref _slots[i], null) is { } instance)
                return instance;
        }

        return create();
    }

    public void Return(T instance)
    {
        for (var i = 0; i < _slots.Length && !_disposed; i++)
        {
            if (_slots[i] is null && Interlocked.CompareExchange(ref _slots[i], instance, null) is null)
            {
                // Dispose may have swept this slot between the test and the exchange.
                if (_disposed)
                    Interlocked.Exchange(ref _slots[i], null)?.Dispose();
                return;
            }
        }

        instance.Dispose();
    }

    public void Dispose()
    {
        _disposed = true;
        for (var i = 0; i < _slots.Length; i++)
            Interlocked.Exchange(ref _slots[i], null)?.Dispose();
    }
}
