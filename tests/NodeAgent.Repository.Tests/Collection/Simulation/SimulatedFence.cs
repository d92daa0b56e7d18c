using NodeAgent.Repository.Stores;

namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>A fence of an actor: a lock, or a deadline that the store keeps.</summary>
internal sealed class SimulatedFence(SimulatedStore store, FenceMode mode, DateTimeOffset? deadline, TimeSpan lifetime) : IFence
{
    private readonly string? _session = store.Session;

    public bool IsInDoubt { get; private set; }

    public FenceMode Mode => mode;

    public SimulatedStore Store => store;

    public async ValueTask<PutOutcome> PutAsync(string key, ReadOnlyMemory<byte> body, CancellationToken cancellationToken) =>
        await store.ChangeAsync("put", key, () => store.State.Put(store.Actor, key, body.Span, _session), deadline, lifetime, () => IsInDoubt = true) ? PutOutcome.Created : PutOutcome.AlreadyExists;

    public async ValueTask<bool> DeleteAsync(string key, CancellationToken cancellationToken) =>
        await store.ChangeAsync("delete", key, () => store.State.Delete(store.Actor, key, _session), deadline, lifetime, () => IsInDoubt = true);

    public ValueTask DisposeAsync()
    {
        store.State.Fences.Remove(this);
        return ValueTask.CompletedTask;
    }
}
