using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>A fence of an actor: a lock, or a deadline that the store keeps.</summary>
internal sealed class SimulatedFence(SimulatedStore store, FenceMode mode, DateTimeOffset? deadline, TimeSpan lifetime) : IFence
{
    public FenceMode Mode => mode;

    public SimulatedStore Store => store;

    public async ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken) =>
        await store.ChangeAsync(key, () => store.State.Put(store.Actor, key, body.Span), deadline, lifetime) ? PutOutcome.Created : PutOutcome.AlreadyExists;

    public async ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken) =>
        await store.ChangeAsync(key, () => store.State.Delete(store.Actor, key), deadline, lifetime);

    public ValueTask DisposeAsync()
    {
        store.State.Fences.Remove(this);
        return ValueTask.CompletedTask;
    }
}
