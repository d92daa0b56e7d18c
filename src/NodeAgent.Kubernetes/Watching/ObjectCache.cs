using NodeAgent.Kubernetes.Api;

namespace NodeAgent.Kubernetes.Watching;

/// <summary>Objects by name and by indexes. Readers come from any thread; one writer at a time. Changes come back as events, in order.</summary>
internal sealed class ObjectCache<T>(Func<T, ObjectIdentity> identity)
    where T : class
{
    private readonly Lock _gate = new();
    private readonly Dictionary<NamespacedName, T> _items = [];
    private readonly Dictionary<string, CacheIndex<T>> _indexes = new(StringComparer.Ordinal);

    public void AddIndex(string name, Func<T, IEnumerable<string>> values)
    {
        lock (_gate) _indexes.Add(name, new CacheIndex<T>(values));
    }

    public T? Get(NamespacedName key)
    {
        lock (_gate) return _items.GetValueOrDefault(key);
    }

    public IReadOnlyList<T> List()
    {
        lock (_gate) return [.. _items.Values];
    }

    public IReadOnlyList<T> Find(string index, string value)
    {
        lock (_gate)
        {
            return _indexes.TryGetValue(index, out var found)
                ? [.. found.Find(value).Select(k => _items[k])]
                : throw new ArgumentException($"there is no index \"{index}\"", nameof(index));
        }
    }

    /// <summary>Takes over one object that the server sent.</summary>
    public IReadOnlyList<InformerEvent<T>> Put(T item)
    {
        var now = identity(item);
        lock (_gate)
        {
            if (!_items.TryGetValue(now.Key, out var previous))
            {
                Set(now.Key, item, null);
                return [new InformerEvent<T>(InformerEventType.Added, now.Key, item, null)];
            }

            var before = identity(previous);
            if (before.ResourceVersion == now.ResourceVersion && before.Uid == now.Uid && now.ResourceVersion.Length > 0) return [];
            Set(now.Key, item, previous);
            // Deleted and made anew while nobody looked: whoever holds on to the old one must hear of its end.
            return before.Uid != now.Uid
                ? [new InformerEvent<T>(InformerEventType.Deleted, now.Key, previous, previous), new InformerEvent<T>(InformerEventType.Added, now.Key, item, null)]
                : [new InformerEvent<T>(InformerEventType.Modified, now.Key, item, previous)];
        }
    }

    /// <param name="last">The state that the server sent with the deletion; null when it is not known.</param>
    public IReadOnlyList<InformerEvent<T>> Remove(NamespacedName key, T? last)
    {
        lock (_gate)
        {
            if (!_items.Remove(key, out var previous)) return [];
            foreach (var index in _indexes.Values) index.Change(key, previous, null);
            return [new InformerEvent<T>(InformerEventType.Deleted, key, last ?? previous, previous)];
        }
    }

    /// <summary>Takes over a whole list: what is not in it was deleted.</summary>
    public IReadOnlyList<InformerEvent<T>> Replace(ObjectPage<T> list)
    {
        var events = new List<InformerEvent<T>>();
        var present = list.Items.Select(i => identity(i).Key).ToHashSet();
        foreach (var gone in List().Select(i => identity(i).Key).Where(k => !present.Contains(k))) events.AddRange(Remove(gone, null));
        foreach (var item in list.Items) events.AddRange(Put(item));
        return events;
    }

    private void Set(NamespacedName key, T item, T? previous)
    {
        _items[key] = item;
        foreach (var index in _indexes.Values) index.Change(key, previous, item);
    }
}
