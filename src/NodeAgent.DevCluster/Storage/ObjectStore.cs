using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;

namespace NodeAgent.DevCluster.Storage;

/// <summary>
/// All objects in memory, with one revision counter and a bounded history of changes. A read-modify-write holds
/// <see cref="Gate"/> from its read to its write; nothing under it waits, so requests are serialised and never conflict by chance.
/// </summary>
internal sealed class ObjectStore(int historyLength)
{
    private readonly Dictionary<string, SortedDictionary<ObjectKey, StoredObject>> _resources = new(StringComparer.Ordinal);
    private readonly List<StoreWatch> _watches = [];
    private readonly Queue<(string Resource, StoreEvent Event)> _history = new();
    private long _compacted;

    public Lock Gate { get; } = new();

    public long Revision { get; private set; } = 1;

    /// <summary>Told of every change, with the store locked; must return at once.</summary>
    public Action<StoredObject>? Changed { get; set; }

    public StoredObject? Find(ResourceType type, ObjectKey key) => Find(type.StorageKey, key);

    public StoredObject? Find(string resource, ObjectKey key)
    {
        lock (Gate)
            return _resources.TryGetValue(resource, out var objects) && objects.TryGetValue(key, out var found) ? found : null;
    }

    /// <summary>The objects now, in order; every namespace when <paramref name="ns"/> is empty.</summary>
    public List<StoredObject> List(string resource, string ns = "")
    {
        lock (Gate)
        {
            if (!_resources.TryGetValue(resource, out var objects))
                return [];
            return ns.Length == 0 ? [.. objects.Values] : [.. objects.Values.Where(o => o.Key.Namespace == ns)];
        }
    }

    /// <summary>Stores a new revision of an object and gives the content its resourceVersion. The store owns the content from here on.</summary>
    public StoredObject Put(ResourceType type, ObjectKey key, JsonObject content)
    {
        lock (Gate)
        {
            Revision++;
            content.Meta()["resourceVersion"] = Revision.ToString(CultureInfo.InvariantCulture);
            if (!_resources.TryGetValue(type.StorageKey, out var objects))
                _resources[type.StorageKey] = objects = [];
            objects.TryGetValue(key, out var previous);
            var stored = new StoredObject(type.StorageKey, key, Revision, content);
            objects[key] = stored;
            Publish(type.StorageKey, new StoreEvent(previous is null ? StoreEventKind.Added : StoreEventKind.Modified, Revision, stored, previous));
            return stored;
        }
    }

    public void Delete(ResourceType type, ObjectKey key)
    {
        lock (Gate)
        {
            if (!_resources.TryGetValue(type.StorageKey, out var objects) || !objects.Remove(key, out var previous))
                return;
            Revision++;
            // The deletion has a revision of its own, which the last state carries: a watcher resumes after it.
            var last = previous.Content.Copy();
            last.Meta()["resourceVersion"] = Revision.ToString(CultureInfo.InvariantCulture);
            var stored = new StoredObject(type.StorageKey, key, Revision, last);
            Publish(type.StorageKey, new StoreEvent(StoreEventKind.Deleted, Revision, stored, previous));
        }
    }

    /// <summary>Starts a watch after a revision.</summary>
    /// <returns>Null when the history no longer reaches back that far.</returns>
    public StoreWatch? WatchFrom(string resource, long revision)
    {
        lock (Gate)
        {
            if (revision < _compacted)
                return null;
            var watch = new StoreWatch(this, resource);
            foreach (var (changed, change) in _history)
            {
                if (change.Revision > revision && changed == resource && !watch.Offer(change))
                    return null;
            }
            _watches.Add(watch);
            return watch;
        }
    }

    /// <summary>Starts a watch together with the objects as they are at its start.</summary>
    public (List<StoredObject> Objects, long Revision, StoreWatch Watch) ListAndWatch(string resource, string ns)
    {
        lock (Gate)
        {
            var watch = new StoreWatch(this, resource);
            _watches.Add(watch);
            return (List(resource, ns), Revision, watch);
        }
    }

    /// <summary>Puts a bookmark behind the changes a watch has not read yet, so that it never promises more than was delivered.</summary>
    public void OfferBookmark(StoreWatch watch)
    {
        lock (Gate)
            watch.Offer(new StoreEvent(StoreEventKind.Bookmark, Revision, null, null));
    }

    public bool Reaches(long revision)
    {
        lock (Gate)
            return revision >= _compacted;
    }

    public long OldestRevision
    {
        get
        {
            lock (Gate)
                return _compacted;
        }
    }

    /// <summary>Forgets every change up to now, as a compaction of etcd does.</summary>
    public void Compact()
    {
        lock (Gate)
        {
            Revision++;
            _history.Clear();
            _compacted = Revision;
        }
    }

    internal void Remove(StoreWatch watch)
    {
        lock (Gate)
            _watches.Remove(watch);
    }

    private void Publish(string resource, StoreEvent change)
    {
        _history.Enqueue((resource, change));
        while (_history.Count > historyLength)
            _compacted = _history.Dequeue().Event.Revision;
        for (var i = _watches.Count - 1; i >= 0; i--)
        {
            if (_watches[i].Resource == resource && !_watches[i].Offer(change))
            {
                _watches[i].End();
                _watches.RemoveAt(i);
            }
        }
        if (change.Object is { } stored)
            Changed?.Invoke(stored);
    }
}
