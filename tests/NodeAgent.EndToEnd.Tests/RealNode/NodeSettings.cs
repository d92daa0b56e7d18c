namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>Which cluster the tests may use, as the environment says; without any they are skipped by name.</summary>
internal sealed record NodeSettings
{
    private const string HowToGetIt =
        "no real node: eval \"$(tests/services/kubernetes node up --tests)\" and eval \"$(tests/services/image build --tests)\" start one, " +
        "or KUBECONFIG with NODEAGENT_TEST_EXISTING_CLUSTER=1 names a cluster that may be used (docs/testing.md)";

    public required string Kubeconfig { get; init; }

    /// <summary>A cluster that is somebody's own: nothing but NodeAgent and namespaces of the tests is put into it, and all of that is removed.</summary>
    public bool IsExisting => ScriptName is null;

    /// <summary>For calls of <c>tests/services/kubernetes node</c>; null for a cluster that it has not started.</summary>
    public string? ScriptName { get; private init; }

    /// <summary>The node's files as this process sees them; null where they are out of reach.</summary>
    public string? Root { get; private init; }

    /// <summary>The address of this machine that pods reach; null when <see cref="S3Endpoint"/> is given.</summary>
    public string? GatewayHost { get; private init; }

    /// <summary>The S3 server under the name that pods of an existing cluster reach it by.</summary>
    public string? S3Endpoint { get; private init; }

    /// <summary>The Node object; null in a cluster of several.</summary>
    public string? NodeName { get; private init; }

    /// <summary>An image with a shell.</summary>
    public required string Busybox { get; init; }

    /// <summary>NodeAgent's image under the name that the manifests have; null when the nodes find <see cref="Image"/> by themselves.</summary>
    public string? ImageArchive { get; private init; }

    public required string Image { get; init; }

    /// <summary>Skips the test when no cluster may be used.</summary>
    public static NodeSettings Get()
    {
        if (Text("NODEAGENT_TEST_EXISTING_CLUSTER") == "1")
        {
            return new NodeSettings
            {
                Kubeconfig = Needed("KUBECONFIG", "NODEAGENT_TEST_EXISTING_CLUSTER=1 needs KUBECONFIG, which names the cluster"),
                S3Endpoint = Needed("NODEAGENT_TEST_CLUSTER_S3_ENDPOINT", "no S3 server for the existing cluster: NODEAGENT_TEST_CLUSTER_S3_ENDPOINT is the address by which its pods reach the one of NODEAGENT_TEST_S3_ENDPOINT"),
                Image = Needed("NODEAGENT_TEST_IMAGE", "no image for the existing cluster: NODEAGENT_TEST_IMAGE is NodeAgent's where its nodes find it"),
                Busybox = Text("NODEAGENT_TEST_NODE_BUSYBOX") ?? "busybox:1.36",
            };
        }

        return new NodeSettings
        {
            Kubeconfig = Needed("NODEAGENT_TEST_NODE_KUBECONFIG", HowToGetIt),
            ScriptName = Needed("NODEAGENT_TEST_NODE_SCRIPT_NAME", HowToGetIt),
            Root = Needed("NODEAGENT_TEST_NODE_ROOT", HowToGetIt),
            GatewayHost = Needed("NODEAGENT_TEST_NODE_GATEWAY_HOST", HowToGetIt),
            NodeName = Needed("NODEAGENT_TEST_NODE_NAME", HowToGetIt),
            Busybox = Needed("NODEAGENT_TEST_NODE_BUSYBOX", HowToGetIt),
            ImageArchive = Needed("NODEAGENT_TEST_IMAGE_ARCHIVE", "no image of NodeAgent: eval \"$(tests/services/image build --tests)\" makes one (docs/testing.md)"),
            Image = "nodeagent:latest",
        };
    }

    private static string? Text(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    private static string Needed(string name, string orElse)
    {
        var value = Text(name);
        Assert.SkipUnless(value is not null, orElse);
        return value!;
    }
}
