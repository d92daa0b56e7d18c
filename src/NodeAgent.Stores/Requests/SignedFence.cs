using NodeAgent.Repository.Stores;

namespace NodeAgent.Stores.Requests;

/// <summary>Writes by signatures or addresses that count from the moment at which the fence was taken, by the server's clock, and run out: the server enforces it.</summary>
/// <remarks>
/// A request that the server had begun to take in when its time ran out may still be completed by it; that is a matter of the
/// seconds that a body of this engine's size takes.
/// </remarks>
internal sealed class SignedFence(IFencedWrites store, DateTimeOffset takenAt, TimeSpan lifetime) : IFence
{
    public bool IsInDoubt { get; private set; }

    public ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken) =>
        store.PutFencedAsync(key, body, takenAt, lifetime, () => IsInDoubt = true, cancellationToken);

    public ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken) =>
        store.DeleteFencedAsync(key, takenAt, lifetime, () => IsInDoubt = true, cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
