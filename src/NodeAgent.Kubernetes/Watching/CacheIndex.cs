namespace NodeAgent.Kubernetes.Watching;

/// <summary>Keys of objects by a value computed from them. Not safe for concurrent use.</summary>
internal sealed class CacheIndex<T>(Func<T, IEnumerable<string>> values)
    where T : class
{
    private readonly Dictionary<string, HashSet<NamespacedName>> _keys = new(StringComparer.Ordinal);

    public IEnumerable<NamespacedName> Find(string value) => _keys.TryGetValue(value, out var found) ? found : [];

    public void Change(NamespacedName key, T? previous, T? now)
    {
        foreach (var value in previous is null ? [] : values(previous))
        {
            if (_keys.TryGetValue(value, out var keys) && keys.Remove(key) && keys.Count == 0) _keys.Remove(value);
        }

        foreach (var value in now is null ? [] : values(now))
        {
            if (!_keys.TryGetValue(value, out var keys)) _keys[value] = keys = [];
            keys.Add(key);
        }
    }
}
