namespace NodeAgent.Repository.Stores;

/// <summary>A fence that is a lock: what it writes goes to a store as any other write, while the lock is held.</summary>
/// <param name="store">Takes the writes.</param>
/// <param name="held">Let go when the fence is disposed; null for nothing.</param>
public sealed class HeldFence(IObjectStore store, IAsyncDisposable? held) : IFence
{
    /// <inheritdoc/>
    public bool IsInDoubt => false;

    /// <inheritdoc/>
    public ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken) => store.PutAsync(key, body, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken) => store.DeleteAsync(key, cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => held?.DisposeAsync() ?? ValueTask.CompletedTask;
}
