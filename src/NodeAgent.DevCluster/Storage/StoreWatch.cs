using System.Threading.Channels;

namespace NodeAgent.DevCluster.Storage;

/// <summary>The changes of one resource from one revision on, in order and without gaps until it ends.</summary>
internal sealed class StoreWatch(ObjectStore store, string resource) : IDisposable
{
    // A watcher that falls this far behind is ended and lists again, as a real server does; it bounds memory at about 4,096 references.
    private readonly Channel<StoreEvent> _events = Channel.CreateBounded<StoreEvent>(new BoundedChannelOptions(4096) { SingleReader = true });

    public string Resource { get; } = resource;

    public ChannelReader<StoreEvent> Events => _events.Reader;

    public void Dispose() => store.Remove(this);

    /// <summary>Called with the store locked.</summary>
    internal bool Offer(StoreEvent change) => _events.Writer.TryWrite(change);

    internal void End() => _events.Writer.TryComplete();
}
