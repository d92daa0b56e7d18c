using System.Text.Json.Nodes;
using NodeAgent.DevCluster.Objects;
using NodeAgent.DevCluster.Resources;
using NodeAgent.DevCluster.Writes;

namespace NodeAgent.DevCluster.Lifecycle;

/// <summary>What a cluster has from the start.</summary>
internal static class ClusterSeed
{
    public const string CsiProvisioner = "csi.devcluster.nodeagent.io";
    public const string LocalProvisioner = "local.devcluster.nodeagent.io";

    public static void Create(ResourceRegistry registry, ResourceWriter writer, EmbeddedClusterOptions options)
    {
        foreach (var ns in (string[])["default", "kube-system", "kube-public", "kube-node-lease"])
        {
            writer.Create(registry.Get("", "namespaces"), "", new JsonObject { ["metadata"] = new JsonObject { ["name"] = ns } }, WriteOptions.Internal);
            CreateDefaultAccount(registry, writer, ns);
            CreateRootCertificate(registry, writer, ns);
        }
        writer.Create(registry.Get("", "services"), "default", new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = "kubernetes", ["labels"] = new JsonObject { ["component"] = "apiserver", ["provider"] = "kubernetes" } },
            ["spec"] = new JsonObject { ["clusterIP"] = "10.96.0.1", ["ports"] = new JsonArray(new JsonObject { ["name"] = "https", ["port"] = 443, ["targetPort"] = 6443 }) },
        }, WriteOptions.Internal);
        CreateClass(registry, writer, "standard", CsiProvisioner, isDefault: true);
        CreateClass(registry, writer, "local", LocalProvisioner, isDefault: false);
        foreach (var (name, value) in ((string, int)[])[("system-node-critical", 2000001000), ("system-cluster-critical", 2000000000)])
            writer.Create(registry.Get("scheduling.k8s.io", "priorityclasses"), "", new JsonObject { ["metadata"] = new JsonObject { ["name"] = name }, ["value"] = value }, WriteOptions.Internal);
        foreach (var (node, i) in options.Nodes.Select((n, i) => (n, i)))
            CreateNode(registry, writer, node, i, ApiTime.Format(options.Time.GetUtcNow()));
    }

    public static void CreateDefaultAccount(ResourceRegistry registry, ResourceWriter writer, string ns) =>
        writer.Create(registry.Get("", "serviceaccounts"), ns, new JsonObject { ["metadata"] = new JsonObject { ["name"] = "default" } }, WriteOptions.Internal);

    public static void CreateRootCertificate(ResourceRegistry registry, ResourceWriter writer, string ns)
    {
        writer.Create(registry.Get("", "configmaps"), ns, new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = "kube-root-ca.crt" },
            ["data"] = new JsonObject { ["ca.crt"] = "" },
        }, WriteOptions.Internal);
    }

    private static void CreateClass(ResourceRegistry registry, ResourceWriter writer, string name, string provisioner, bool isDefault)
    {
        var meta = new JsonObject { ["name"] = name };
        if (isDefault)
            meta["annotations"] = new JsonObject { ["storageclass.kubernetes.io/is-default-class"] = "true" };
        writer.Create(registry.Get("storage.k8s.io", "storageclasses"), "", new JsonObject { ["metadata"] = meta, ["provisioner"] = provisioner }, WriteOptions.Internal);
    }

    private static void CreateNode(ResourceRegistry registry, ResourceWriter writer, string name, int index, string now)
    {
        var resources = new JsonObject { ["cpu"] = "4", ["memory"] = "8Gi", ["ephemeral-storage"] = "100Gi", ["pods"] = "110" };
        writer.Create(registry.Get("", "nodes"), "", new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["name"] = name,
                ["labels"] = new JsonObject { ["kubernetes.io/hostname"] = name, ["kubernetes.io/os"] = "linux", ["kubernetes.io/arch"] = "amd64", ["beta.kubernetes.io/os"] = "linux" },
            },
            ["spec"] = new JsonObject(),
            ["status"] = new JsonObject
            {
                ["capacity"] = resources,
                ["allocatable"] = resources.DeepClone(),
                ["conditions"] = new JsonArray(new JsonObject { ["type"] = "Ready", ["status"] = "True", ["reason"] = "KubeletReady", ["message"] = "stand-in kubelet", ["lastHeartbeatTime"] = now, ["lastTransitionTime"] = now }),
                ["addresses"] = new JsonArray(new JsonObject { ["type"] = "InternalIP", ["address"] = $"10.0.0.{index + 1}" }, new JsonObject { ["type"] = "Hostname", ["address"] = name }),
                ["nodeInfo"] = new JsonObject { ["kubeletVersion"] = DevClusterVersion.Kubernetes, ["osImage"] = "DevCluster", ["kernelVersion"] = Environment.OSVersion.Version.ToString(), ["containerRuntimeVersion"] = "none://0", ["architecture"] = "amd64", ["operatingSystem"] = "linux" },
            },
        }, WriteOptions.Internal);
    }
}
