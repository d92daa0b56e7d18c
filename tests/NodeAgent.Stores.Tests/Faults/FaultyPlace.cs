using NodeAgent.Repository.Stores;

namespace NodeAgent.Stores.Tests.Faults;

/// <summary>A place on a server that is reached by way of a proxy.</summary>
/// <param name="proxy">Goes with it.</param>
/// <param name="open">Opens a store there that asks nobody first.</param>
/// <param name="openKnowing">Opens one that knows what the server does; null where there is nothing to know.</param>
internal sealed class FaultyPlace(FaultProxy proxy, Func<IObjectStore> open, Func<Task<IObjectStore>>? openKnowing = null) : IAsyncDisposable
{
    /// <summary>How many faults came since the last <see cref="Spoil"/>.</summary>
    public int Injected => proxy.Plan!.Injected;

    public FaultProxy Proxy => proxy;

    public IObjectStore OpenStore() => open();

    public Task<IObjectStore> OpenKnowingStoreAsync() => openKnowing is null ? Task.FromResult(open()) : openKnowing();

    /// <summary>The next request of a method meets the fault, and none after it.</summary>
    public void Spoil(string method, string kind, int request = 1)
    {
        var met = 0;
        proxy.Plan = new FaultPlan(new Random(1), 1, Enum.Parse<FaultKind>(kind)) { Applies = r => r.Method == method && Interlocked.Increment(ref met) == request };
    }

    public ValueTask DisposeAsync() => proxy.DisposeAsync();
}
