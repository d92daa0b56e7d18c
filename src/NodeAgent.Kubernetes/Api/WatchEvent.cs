namespace NodeAgent.Kubernetes.Api;

/// <summary>One line of a watch.</summary>
/// <param name="Item">The object as it is now, or was last when deleted; null for bookmarks and malformed objects.</param>
/// <param name="Malformed">Set instead when the object does not fit the type.</param>
/// <param name="ResourceVersion">A later watch goes on from here.</param>
public sealed record WatchEvent<T>(WatchEventType Type, T? Item, MalformedObject? Malformed, string ResourceVersion)
    where T : class;
