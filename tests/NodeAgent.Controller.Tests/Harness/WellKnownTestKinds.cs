using NodeAgent.Kubernetes;

namespace NodeAgent.Controller.Tests.Harness;

/// <summary>Built-in resource types that tests put into a cluster.</summary>
internal static class WellKnownTestKinds
{
    public static readonly ResourceKind ConfigMaps = new("", "v1", "configmaps", "ConfigMap");
    public static readonly ResourceKind Secrets = new("", "v1", "secrets", "Secret");
    public static readonly ResourceKind Services = new("", "v1", "services", "Service");
    public static readonly ResourceKind Nodes = new("", "v1", "nodes", "Node", Namespaced: false);
    public static readonly ResourceKind Deployments = new("apps", "v1", "deployments", "Deployment");
    public static readonly ResourceKind Jobs = new("batch", "v1", "jobs", "Job");
    public static readonly ResourceKind ClusterRoles = new("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", Namespaced: false);
    public static readonly ResourceKind ClusterRoleBindings = new("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", Namespaced: false);
}
