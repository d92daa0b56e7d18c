using NodeAgent.Controller.Restores;

namespace NodeAgent.Controller.Tests.Restores;

public sealed class RestorePrioritiesTests
{
    [Fact]
    public void The_first_list_comes_first_then_all_others_by_name_then_the_last_list()
    {
        var order = new RestorePriorities([]).Order(
            ["clusters.cluster.x-k8s.io", "widgets.example.com", "deployments.apps", "services", "pods", "roles.rbac.authorization.k8s.io", "persistentvolumeclaims"]);
        Assert.Equal(
            ["persistentvolumeclaims", "roles.rbac.authorization.k8s.io", "pods", "services", "deployments.apps", "widgets.example.com", "clusters.cluster.x-k8s.io"], order);
    }

    [Fact]
    public void A_configured_list_replaces_the_first_and_behind_a_dash_the_last()
    {
        Assert.Equal(["b", "a", "services"], new RestorePriorities(["b"]).Order(["services", "a", "b"]));
        Assert.Equal(["b", "services", "a"], new RestorePriorities(["b", "-", "a"]).Order(["services", "a", "b"]));
    }
}
