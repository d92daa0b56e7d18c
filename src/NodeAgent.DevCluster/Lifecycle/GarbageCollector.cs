using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Storage;
using NodeAgent.DevCluster.Writes;

namespace NodeAgent.DevCluster.Lifecycle;

/// <summary>Deletes objects whose owners are all gone, and carries out foreground and orphan deletion.</summary>
internal sealed class GarbageCollector(ObjectStore store, ResourceRegistry registry, ResourceWriter writer) : IController
{
    private long _seen;

    public void Reconcile()
    {
        // A look at every object: only when something has changed since the last.
        var revision = store.Revision;
        if (revision == _seen)
            return;
        _seen = revision;
        var uids = new HashSet<string>();
        var owned = new List<(ResourceType Type, StoredObject Object)>();
        var waiting = new List<(ResourceType Type, StoredObject Object)>();
        foreach (var type in registry.DistinctStored.ToList())
        {
            foreach (var obj in store.List(type.StorageKey))
            {
                uids.Add(obj.Content.Uid());
                if (obj.Content.Items("metadata", "ownerReferences").Any())
                    owned.Add((type, obj));
                if (obj.Content.IsDeleting() && obj.Content.Finalizers().Any(f => f is "foregroundDeletion" or "orphan"))
                    waiting.Add((type, obj));
            }
        }
        foreach (var (type, owner) in waiting)
            Release(type, owner, owned);
        foreach (var (type, obj) in owned.Where(o => !o.Object.Content.IsDeleting()))
        {
            if (!obj.Content.Items("metadata", "ownerReferences").Any(o => uids.Contains(o.Text("uid"))) && store.Find(type, obj.Key) is { } still && still.Revision == obj.Revision)
                writer.Delete(type, obj.Key, new DeleteRequest { Uid = obj.Content.Uid() });
        }
    }

    private void Release(ResourceType type, StoredObject owner, List<(ResourceType Type, StoredObject Object)> owned)
    {
        var uid = owner.Content.Uid();
        var dependents = owned.Where(o => o.Object.Content.Items("metadata", "ownerReferences").Any(r => r.Text("uid") == uid)).ToList();
        if (owner.Content.Finalizers().Contains("orphan"))
        {
            foreach (var (dependentType, dependent) in dependents)
            {
                writer.Change(dependentType, dependent.Key, d =>
                {
                    var references = d.Meta().ChildArray("ownerReferences");
                    foreach (var reference in references.Where(r => r.Text("uid") == uid).ToList())
                        references.Remove(reference);
                    if (references.Count == 0)
                        d.Meta().Remove("ownerReferences");
                });
            }
            writer.Change(type, owner.Key, o => o.RemoveFinalizer("orphan"));
            return;
        }
        foreach (var (dependentType, dependent) in dependents.Where(d => !d.Object.Content.IsDeleting()))
        {
            if (store.Find(dependentType, dependent.Key) is not null)
                writer.Delete(dependentType, dependent.Key, new DeleteRequest { Propagation = "Foreground" });
        }
        if (dependents.All(d => store.Find(d.Type, d.Object.Key)?.Content.Items("metadata", "ownerReferences").Any(r => r.Text("uid") == uid && r.Flag("blockOwnerDeletion")) != true))
            writer.Change(type, owner.Key, o => o.RemoveFinalizer("foregroundDeletion"));
    }
}
