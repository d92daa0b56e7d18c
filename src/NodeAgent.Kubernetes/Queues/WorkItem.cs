namespace NodeAgent.Kubernetes.Queues;

/// <summary>A key in the hands of a worker, or none when the queue has come to its end.</summary>
public readonly record struct WorkItem<TKey>
    where TKey : notnull
{
    private readonly TKey? _key;

    internal WorkItem(TKey key) => (_key, HasKey) = (key, true);

    public bool HasKey { get; }

    public TKey Key => HasKey ? _key! : throw new InvalidOperationException("the queue has come to its end");
}
