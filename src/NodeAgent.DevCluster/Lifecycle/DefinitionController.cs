using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Storage;
using NodeAgent.DevCluster.Writes;

namespace NodeAgent.DevCluster.Lifecycle;

/// <summary>Removes the objects of a definition that is being deleted, then the definition.</summary>
internal sealed class DefinitionController(ObjectStore store, ResourceRegistry registry, ResourceWriter writer) : IController
{
    private const string Finalizer = "customresourcecleanup.apiextensions.k8s.io";

    public void Reconcile()
    {
        var definitions = registry.Get("apiextensions.k8s.io", "customresourcedefinitions");
        foreach (var definition in store.List(definitions.StorageKey).Where(d => d.Content.IsDeleting() && d.Content.Finalizers().Contains(Finalizer)))
        {
            var left = 0;
            if (registry.DistinctStored.FirstOrDefault(t => t.IsCustom && t.StorageKey == definition.Key.Name) is { } type)
            {
                foreach (var obj in store.List(type.StorageKey))
                    left += !obj.Content.IsDeleting() && writer.Delete(type, obj.Key, new DeleteRequest()).Gone ? 0 : 1;
            }
            if (left == 0)
                writer.Change(definitions, definition.Key, d => d.RemoveFinalizer(Finalizer));
        }
    }
}
