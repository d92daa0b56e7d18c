namespace NodeAgent.Kubernetes.Watching;

/// <summary>A change of the cache.</summary>
/// <param name="Item">The object as it is now; as it was last known when deleted.</param>
/// <param name="Previous">The object as it was before; null when added.</param>
public sealed record InformerEvent<T>(InformerEventType Type, NamespacedName Key, T Item, T? Previous)
    where T : class;
