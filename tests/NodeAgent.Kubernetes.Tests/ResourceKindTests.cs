namespace NodeAgent.Kubernetes.Tests;

public sealed class ResourceKindTests
{
    [Fact]
    public void Paths_follow_group_scope_and_subresource()
    {
        Assert.Equal("api/v1/namespaces/shop/pods/web/log", KubernetesResources.Pods.ObjectPath("shop", "web", "log"));
        Assert.Equal("api/v1/pods", KubernetesResources.Pods.CollectionPath(null));
        Assert.Equal("api/v1/nodes/n1", KubernetesResources.Nodes.ObjectPath(null, "n1"));
        Assert.Equal("apis/coordination.k8s.io/v1/namespaces/velero/leases", KubernetesResources.Leases.CollectionPath("velero"));
    }

    [Fact]
    public void A_namespace_is_neither_missing_nor_superfluous()
    {
        Assert.Throws<ArgumentException>(() => KubernetesResources.Pods.ObjectPath(null, "web"));
        Assert.Throws<ArgumentException>(() => KubernetesResources.Nodes.ObjectPath("shop", "n1"));
        Assert.Throws<ArgumentException>(() => KubernetesResources.Pods.CollectionPath(".."));
    }
}
