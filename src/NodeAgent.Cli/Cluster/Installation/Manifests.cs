using System.Reflection;
using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Yaml;

namespace NodeAgent.Cli.Cluster.Installation;

/// <summary>The objects of <c>daemonset/</c>, which are part of the program: what is installed is what is applied with kubectl.</summary>
internal static class Manifests
{
    private const string Prefix = "daemonset/";

    private static readonly ResourceKind[] Kinds =
    [
        KubernetesResources.CustomResourceDefinitions, KubernetesResources.Namespaces, KubernetesResources.ServiceAccounts, KubernetesResources.Secrets,
        new("", "v1", "services", "Service"),
        new("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"),
        new("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", Namespaced: false),
        new("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", Namespaced: false),
        new("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", Namespaced: false),
        new("rbac.authorization.k8s.io", "v1", "roles", "Role"),
        new("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"),
        new("apps", "v1", "deployments", "Deployment"),
        new("apps", "v1", "daemonsets", "DaemonSet"),
        VeleroKinds.BackupLocation.Resource, VeleroKinds.SnapshotLocation.Resource,
    ];

    public static ResourceKind Deployments => KindOf("Deployment");

    public static ResourceKind DaemonSets => KindOf("DaemonSet");

    public static ResourceKind KindOf(string kind) => Kinds.First(k => k.Kind == kind);

    /// <summary>How the API server addresses the object.</summary>
    public static ResourceKind KindOf(JsonObject manifest) => Kinds.First(k => k.Kind == manifest.Raw("kind") && k.ApiVersion == manifest.Raw("apiVersion"));

    /// <summary>The definitions of the custom resources, ordered by name.</summary>
    public static IReadOnlyList<JsonObject> Definitions() => ReadAll("crds/");

    public static IReadOnlyList<JsonObject> Controller() => ReadAll("controller/");

    public static IReadOnlyList<JsonObject> Agent() => ReadAll("agent/");

    public static JsonObject Namespace() => ReadAll("namespace.yaml").Single();

    /// <summary>What an object is called when it is installed in a namespace: each of several installations in a cluster binds the roles to its own accounts.</summary>
    public static string NameIn(JsonObject manifest, string ns) =>
        manifest.Raw("kind") == "ClusterRoleBinding" && ns != ClusterOptions.DefaultNamespace ? $"{manifest.Name()}-{ns}" : manifest.Name();

    private static IReadOnlyList<JsonObject> ReadAll(string folder) =>
    [
        .. Assembly.GetExecutingAssembly().GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix + folder, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(Read)
            // What others need comes first.
            .OrderBy(manifest => Array.IndexOf(Kinds, KindOf(manifest))),
    ];

    private static JsonObject Read(string name)
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!);
        return YamlJson.Parse(reader.ReadToEnd())!.AsObject();
    }
}
