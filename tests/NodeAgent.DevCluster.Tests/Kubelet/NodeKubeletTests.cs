using System.Text.Json.Nodes;

namespace NodeAgent.DevCluster.Tests.Kubelet;

public sealed class NodeKubeletTests
{
    private const string Pods = "/api/v1/namespaces/default/pods";
    private const string Claims = "/api/v1/namespaces/default/persistentvolumeclaims";
    private const string RestoreUid = "6f9b1a44-6b7e-4c39-9d7c-0d8f4a2d6c11";

    [Fact]
    public async Task A_pod_gets_its_volume_directories_runs_and_takes_them_along_when_deleted()
    {
        await using var cluster = await TestCluster.StartAsync();
        await cluster.CreateAsync("/api/v1/namespaces/default/secrets", """{"metadata":{"name":"s"},"stringData":{"key":"value"}}""");
        await cluster.CreateAsync(Pods, Pod("p", """[{"name":"tmp","emptyDir":{}},{"name":"sec","secret":{"secretName":"s"}},{"name":"host","hostPath":{"path":"/"}}]"""));
        var pod = await cluster.WaitPhaseAsync(Pods + "/p", "Running");
        Assert.Equal("node-1", (string?)pod["spec"]!["nodeName"]);
        Assert.True((bool)pod["status"]!["containerStatuses"]![0]!["ready"]!);
        Assert.StartsWith("10.244.", (string?)pod["status"]!["podIP"]);
        var volumes = VolumesOf(cluster, pod);
        Assert.True(Directory.Exists(Path.Combine(volumes, "kubernetes.io~empty-dir", "tmp")));
        Assert.Equal("value", await File.ReadAllTextAsync(Path.Combine(volumes, "kubernetes.io~secret", "sec", "key"), TestContext.Current.CancellationToken));
        Assert.Single(Directory.GetDirectories(Path.Combine(volumes, "kubernetes.io~projected")));
        await cluster.SendAsync(HttpMethod.Delete, Pods + "/p");
        await cluster.WaitGoneAsync(Pods + "/p");
        Assert.False(Directory.Exists(Path.GetDirectoryName(volumes)));
    }

    [Theory]
    [InlineData("standard", true, "kubernetes.io~csi")]
    [InlineData("standard", false, "kubernetes.io~csi")]
    [InlineData("local", true, "kubernetes.io~local-volume")]
    [InlineData("local", false, "kubernetes.io~local-volume")]
    public async Task Data_of_a_claim_outlives_its_pod_and_goes_with_the_claim(string storageClass, bool mounts, string plugin)
    {
        await using var cluster = await TestCluster.StartAsync(o => o with { BindMounts = mounts });
        await cluster.CreateAsync(Claims, $$"""{"metadata":{"name":"c"},"spec":{"storageClassName":"{{storageClass}}","accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"} } } }""");
        var claim = await cluster.WaitPhaseAsync(Claims + "/c", "Bound");
        var volume = (string)claim["spec"]!["volumeName"]!;
        for (var round = 0; round < 2; round++)
        {
            await cluster.CreateAsync(Pods, Pod("p" + round, """[{"name":"v","persistentVolumeClaim":{"claimName":"c"}}]"""));
            var pod = await cluster.WaitPhaseAsync($"{Pods}/p{round}", "Running");
            var place = Path.Combine(VolumesOf(cluster, pod), plugin, volume);
            var file = Path.Combine(storageClass == "local" ? place : Path.Combine(place, "mount"), "data");
            if (round == 0)
                await File.WriteAllTextAsync(file, "kept", TestContext.Current.CancellationToken);
            else
                Assert.Equal("kept", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
            await cluster.SendAsync(HttpMethod.Delete, $"{Pods}/p{round}");
            await cluster.WaitGoneAsync($"{Pods}/p{round}");
        }
        Assert.True(File.Exists(Path.Combine(cluster.Directory, "volumes", volume, "data")));
        await cluster.SendAsync(HttpMethod.Delete, Claims + "/c");
        await cluster.WaitGoneAsync("/api/v1/persistentvolumes/" + volume);
        Assert.False(Directory.Exists(Path.Combine(cluster.Directory, "volumes", volume)));
    }

    [Fact]
    public async Task A_claim_in_use_is_deleted_only_after_its_pod()
    {
        await using var cluster = await TestCluster.StartAsync();
        await cluster.CreateAsync(Claims, """{"metadata":{"name":"c"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}""");
        await cluster.CreateAsync(Pods, Pod("p", """[{"name":"v","persistentVolumeClaim":{"claimName":"c"}}]"""));
        await cluster.WaitPhaseAsync(Pods + "/p", "Running");
        await cluster.SendAsync(HttpMethod.Delete, Claims + "/c");
        Assert.NotNull((await cluster.GetAsync(Claims + "/c"))["metadata"]!["deletionTimestamp"]);
        await cluster.SendAsync(HttpMethod.Delete, Pods + "/p");
        await cluster.WaitGoneAsync(Claims + "/c");
    }

    [Fact]
    public async Task Restore_wait_runs_until_every_volume_is_marked_and_removes_the_marks()
    {
        await using var cluster = await TestCluster.StartAsync();
        await cluster.CreateAsync(Pods, $$"""
            {"metadata":{"name":"p"},"spec":{
              "initContainers":[{"name":"restore-wait","image":"agent","args":["{{RestoreUid}}"],"volumeMounts":[{"name":"a","mountPath":"/restores/a"},{"name":"b","mountPath":"/restores/b"}]}],
              "containers":[{"name":"c","image":"i"}],"volumes":[{"name":"a","emptyDir":{} },{"name":"b","emptyDir":{} }]} }
            """);
        var pod = await cluster.WaitAsync(Pods + "/p", (_, o) => o["status"]?["initContainerStatuses"]?[0]?["state"]?["running"] is not null);
        Assert.Equal("Pending", (string?)pod["status"]!["phase"]);
        var volumes = Path.Combine(VolumesOf(cluster, pod), "kubernetes.io~empty-dir");
        Mark(volumes, "a");
        // One volume alone is not enough: the pod is still waiting when the next change has been worked through.
        await cluster.CreateAsync(Pods, Pod("other", "[]"));
        await cluster.WaitPhaseAsync(Pods + "/other", "Running");
        Assert.Equal("Pending", (string?)(await cluster.GetAsync(Pods + "/p"))["status"]!["phase"]);
        Mark(volumes, "b");
        pod = await cluster.WaitPhaseAsync(Pods + "/p", "Running");
        Assert.Equal("Completed", (string?)pod["status"]!["initContainerStatuses"]![0]!["state"]!["terminated"]!["reason"]);
        Assert.False(Directory.Exists(Path.Combine(volumes, "a", ".velero")));
        Assert.False(Directory.Exists(Path.Combine(volumes, "b", ".velero")));
    }

    [Fact]
    public async Task Workloads_come_up_and_adopt_pods_that_match_their_selector()
    {
        await using var cluster = await TestCluster.StartAsync(o => o with { Nodes = ["one", "two"] });
        await cluster.CreateAsync(Pods, """{"metadata":{"name":"db-0","labels":{"app":"db"}},"spec":{"containers":[{"name":"c","image":"i"}]}}""");
        var uid = (string?)(await cluster.GetAsync(Pods + "/db-0"))["metadata"]!["uid"];
        const string Template = """{"metadata":{"labels":{"app":"APP"}},"spec":{"containers":[{"name":"c","image":"i"}]}}""";
        foreach (var (kind, name) in ((string, string)[])[("deployments", "web"), ("statefulsets", "db"), ("daemonsets", "every")])
        {
            var replicas = kind == "daemonsets" ? "" : "\"replicas\":2,";
            await cluster.CreateAsync($"/apis/apps/v1/namespaces/default/{kind}", $$$"""{"metadata":{"name":"{{{name}}}"},"spec":{{{{replicas}}}"selector":{"matchLabels":{"app":"{{{name}}}"}},"template":{{{Template.Replace("APP", name, StringComparison.Ordinal)}}} } }""");
        }
        await cluster.WaitAsync("/apis/apps/v1/namespaces/default/deployments/web", (_, o) => (int?)o["status"]?["availableReplicas"] == 2);
        await cluster.WaitAsync("/apis/apps/v1/namespaces/default/statefulsets/db", (_, o) => (int?)o["status"]?["readyReplicas"] == 2);
        await cluster.WaitAsync("/apis/apps/v1/namespaces/default/daemonsets/every", (_, o) => (int?)o["status"]?["numberReady"] == 2);
        var adopted = await cluster.GetAsync(Pods + "/db-0");
        Assert.Equal(uid, (string?)adopted["metadata"]!["uid"]);
        Assert.Equal("StatefulSet", (string?)adopted["metadata"]!["ownerReferences"]![0]!["kind"]);
        await cluster.SendAsync(HttpMethod.Delete, "/apis/apps/v1/namespaces/default/deployments/web");
        await cluster.WaitAsync(Pods + "?labelSelector=app%3Dweb", (_, o) => o["items"]!.AsArray().Count == 0);
    }

    [Fact]
    public async Task A_workload_that_makes_no_valid_pod_does_not_hold_up_the_others()
    {
        await using var cluster = await TestCluster.StartAsync();
        const string ReplicaSets = "/apis/apps/v1/namespaces/default/replicasets";
        // A label of the template that no pod may have.
        await cluster.CreateAsync(ReplicaSets, """{"metadata":{"name":"bad"},"spec":{"selector":{"matchLabels":{"app":"bad"}},"template":{"metadata":{"labels":{"app":"bad","x":"not valid!"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}""");
        await cluster.CreateAsync(ReplicaSets, """{"metadata":{"name":"good"},"spec":{"selector":{"matchLabels":{"app":"good"}},"template":{"metadata":{"labels":{"app":"good"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}""");
        await cluster.WaitAsync(ReplicaSets + "/good", (_, o) => (int?)o["status"]?["readyReplicas"] == 1);
        var events = await cluster.WaitAsync("/api/v1/events?fieldSelector=reason%3DFailedCreate", (_, o) => o["items"]!.AsArray().Count > 0);
        Assert.Equal("bad", (string?)events["items"]![0]!["involvedObject"]!["name"]);
    }

    [Fact]
    public async Task A_directory_with_folders_of_someone_else_is_refused()
    {
        var directory = Directory.CreateTempSubdirectory("devcluster-test-").FullName;
        try
        {
            Directory.CreateDirectory(Path.Combine(directory, "volumes", "precious"));
            await Assert.ThrowsAsync<IOException>(() => EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { Directory = directory }, TestContext.Current.CancellationToken));
            Assert.True(Directory.Exists(Path.Combine(directory, "volumes", "precious")));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static void Mark(string volumes, string name)
    {
        Directory.CreateDirectory(Path.Combine(volumes, name, ".velero"));
        File.WriteAllText(Path.Combine(volumes, name, ".velero", RestoreUid), "");
    }

    private static string Pod(string name, string volumes) => $$"""{"metadata":{"name":"{{name}}"},"spec":{"containers":[{"name":"c","image":"i"}],"volumes":{{volumes}} } }""";

    private static string VolumesOf(TestCluster cluster, JsonObject pod) =>
        Path.Combine(cluster.Cluster.KubeletPodsDirectory((string)pod["spec"]!["nodeName"]!), (string)pod["metadata"]!["uid"]!, "volumes");
}
