using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;

namespace NodeAgent.Controller.Tests.Selection;

/// <summary>A cluster that many backups with different filters are made of. Its objects have short names, which the cases list.</summary>
public sealed class FilterCluster : IAsyncLifetime
{
    internal static readonly IReadOnlyDictionary<string, string> Codes = new Dictionary<string, string>
    {
        ["resources/pods/namespaces/shop/web.json"] = "P1",
        ["resources/pods/namespaces/store/db.json"] = "P2",
        ["resources/persistentvolumeclaims/namespaces/shop/data.json"] = "C1",
        ["resources/persistentvolumes/cluster/vol-1.json"] = "V1",
        ["resources/persistentvolumes/cluster/vol-2.json"] = "V2",
        ["resources/deployments.apps/namespaces/shop/web.json"] = "D1",
        ["resources/deployments.apps/namespaces/store/db.json"] = "D2",
        ["resources/widgets.example.com/namespaces/shop/w.json"] = "W1",
        ["resources/customresourcedefinitions.apiextensions.k8s.io/cluster/widgets.example.com.json"] = "R1",
        ["resources/customresourcedefinitions.apiextensions.k8s.io/cluster/gadgets.example.com.json"] = "R2",
        ["resources/namespaces/cluster/shop.json"] = "N1",
        ["resources/namespaces/cluster/store.json"] = "N2",
        ["resources/namespaces/cluster/idle.json"] = "N3",
    };

    private static readonly ResourceKind Widgets = new("example.com", "v1", "widgets", "Widget");

    internal ControllerFixture Controller { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Controller = await ControllerFixture.StartAsync();
        var api = Controller.Api;
        api.ServeMore(Widgets);
        // shop is there already. Nothing lives in idle; its label is that of some objects elsewhere.
        api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"store"},"status":{"phase":"Active"}}""");
        api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"idle","labels":{"app":"web"}},"status":{"phase":"Active"}}""");
        // On its way out, as objects are that are deleted but wait for a finalizer.
        api.Add(KubernetesResources.Namespaces, """{"metadata":{"name":"ending","labels":{"app":"web"},"deletionTimestamp":"2026-01-01T00:00:00Z"},"status":{"phase":"Terminating"}}""");
        api.Add(WellKnownTestKinds.Deployments, """{"metadata":{"name":"ending","namespace":"shop","labels":{"app":"web"},"deletionTimestamp":"2026-01-01T00:00:00Z","finalizers":["x"]}}""");
        api.Add(KubernetesResources.Pods, """{"metadata":{"name":"web","namespace":"shop","labels":{"app":"web"}},"spec":{"volumes":[{"name":"d","persistentVolumeClaim":{"claimName":"data"}}]},"status":{"phase":"Pending"}}""");
        api.Add(KubernetesResources.Pods, """{"metadata":{"name":"db","namespace":"store"},"spec":{"nodeName":"n1"},"status":{"phase":"Running"}}""");
        api.Add(KubernetesResources.PersistentVolumeClaims, """{"metadata":{"name":"data","namespace":"shop"},"spec":{"volumeName":"vol-1"},"status":{"phase":"Bound"}}""");
        api.Add(KubernetesResources.PersistentVolumes, """{"metadata":{"name":"vol-1"},"spec":{"claimRef":{"namespace":"shop","name":"data"}}}""");
        api.Add(KubernetesResources.PersistentVolumes, """{"metadata":{"name":"vol-2","labels":{"app":"web"}}}""");
        api.Add(WellKnownTestKinds.Deployments, """{"metadata":{"name":"web","namespace":"shop"}}""");
        api.Add(WellKnownTestKinds.Deployments, """{"metadata":{"name":"db","namespace":"store","labels":{"app":"web"}}}""");
        api.Add(Widgets, """{"metadata":{"name":"w","namespace":"shop"}}""");
        foreach (var name in new[] { "widgets.example.com", "gadgets.example.com" }) api.Add(KubernetesResources.CustomResourceDefinitions, $$"""{"metadata":{"name":"{{name}}"} }""");
        // Marked as not to be backed up, and marked with something else.
        foreach (var (name, marked) in new[] { ("left", "true"), ("kept", "not-true") })
        {
            api.Add(WellKnownTestKinds.ConfigMaps, $$$"""{"metadata":{"name":"{{{name}}}","namespace":"store","labels":{"velero.io/exclude-from-backup":"{{{marked}}}","only":"marked"}} }""");
        }
    }

    public ValueTask DisposeAsync() => Controller.DisposeAsync();
}
