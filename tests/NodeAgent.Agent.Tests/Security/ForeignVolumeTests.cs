using System.Text.Json.Nodes;
using NodeAgent.Agent.Tests.Harness;
using NodeAgent.Agent.Volumes;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Agent.Tests.Security;

/// <summary>Objects that would have an agent read or write what is not the volume of a pod of its node.</summary>
public sealed class ForeignVolumeTests : IDisposable
{
    private const string Uid = "1b4e28ba-2fa1-11d2-883f-0016d3cca427";

    private readonly string _root = Directory.CreateTempSubdirectory("foreign-volume-").FullName;
    private readonly ApiClient _client = new(ClusterConfig.ForServer(new Uri("http://127.0.0.1:9/")));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Pods => Path.Combine(_root, "pods");

    public void Dispose()
    {
        _client.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    [Theory]
    [InlineData("../../../../etc")]
    [InlineData("../x")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("a/b")]
    [InlineData("/etc")]
    public async Task A_volume_that_the_pod_does_not_have_is_no_path_to_something_else(string volume)
    {
        Directory.CreateDirectory(Path.Combine(Pods, Uid, "volumes", "kubernetes.io~empty-dir", "data"));
        Directory.CreateDirectory(Path.Combine(_root, "etc"));

        Assert.Contains("the pod has no volume of this name", await FailAsync(volume, """{"name":"data","emptyDir":{} }"""), StringComparison.Ordinal);
        Assert.EndsWith("/data", (await FindAsync("data", """{"name":"data","emptyDir":{} }""")).Path, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../other")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("a/../../other")]
    [InlineData("")]
    public async Task A_uid_of_a_pod_that_is_a_path_is_refused(string uid)
    {
        Directory.CreateDirectory(Path.Combine(_root, "other", "volumes", "kubernetes.io~empty-dir", "data"));
        Directory.CreateDirectory(Pods);

        Assert.Contains("is no uid", await FailAsync("data", """{"name":"data","emptyDir":{} }""", uid), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hostPath", """{"path":"/etc"}""")]
    [InlineData("secret", """{"secretName":"admin"}""")]
    [InlineData("configMap", """{"name":"settings"}""")]
    [InlineData("projected", """{"sources":[]}""")]
    [InlineData("downwardAPI", """{"items":[]}""")]
    public async Task Volumes_that_hold_what_other_objects_say_are_neither_read_nor_written(string kind, string source)
    {
        // It would be found: the kubelet has a directory for it.
        Directory.CreateDirectory(Path.Combine(Pods, Uid, "volumes", "kubernetes.io~" + kind.ToLowerInvariant(), "data"));

        Assert.EndsWith($"{kind} volumes are neither backed up nor restored", await FailAsync("data", $$"""{"name":"data","{{kind}}":{{source}} }"""), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pod_of_another_node_is_refused_though_a_directory_of_its_uid_is_here()
    {
        Directory.CreateDirectory(Path.Combine(Pods, Uid, "volumes", "kubernetes.io~empty-dir", "data"));

        Assert.EndsWith("the pod is not on node n1", await FailAsync("data", """{"name":"data","emptyDir":{} }""", node: "n2"), StringComparison.Ordinal);
        Assert.EndsWith("the pod is not on node n1", await FailAsync("data", """{"name":"data","emptyDir":{} }""", node: null), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("../../other/volumes/kubernetes.io~empty-dir/data")]
    public async Task A_claim_whose_volume_is_a_path_is_taken_for_unbound(string volumeName)
    {
        await using var fixture = await AgentFixture.StartAsync(startAgent: false);
        fixture.Cluster.Create($$$"""
            {"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"files","namespace":"shop"},
             "spec":{"accessModes":["ReadWriteOnce"],"storageClassName":"","volumeName":"{{{volumeName}}}","resources":{"requests":{"storage":"1Gi"} } } }
            """);
        Directory.CreateDirectory(Path.Combine(Pods, Uid, "volumes", "kubernetes.io~csi", "pv", "mount"));
        var pod = Pod("""{"name":"data","persistentVolumeClaim":{"claimName":"files"} }""", Uid, "n1");

        var failure = await Assert.ThrowsAsync<AgentException>(() => new VolumeFinder(fixture.Client, Options).FindAsync(pod, "data", Cancellation));

        Assert.EndsWith("its claim files is not bound to a volume", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_agent_leaves_the_work_of_other_nodes_alone_and_refuses_pods_that_are_not_on_its_own()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, volume) = await fixture.AddPodAsync();
        await File.WriteAllTextAsync(Path.Combine(volume, "note"), "hello", Cancellation);
        fixture.Cluster.Create("""
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"elsewhere","namespace":"shop"},
             "spec":{"nodeName":"node-2","containers":[{"name":"web","image":"example.com/web:1"}],"volumes":[{"name":"data","emptyDir":{} }]} }
            """);
        var elsewhere = await fixture.Client.GetAsync(KubernetesResources.Pods, "shop", "elsewhere", Cancellation);
        // The agent's own directory has one for it: only what the API server says keeps it out.
        Directory.CreateDirectory(Path.Combine(fixture.Cluster.KubeletPodsDirectory(AgentFixture.Node), elsewhere.Uid, "volumes", "kubernetes.io~empty-dir", "data"));

        await fixture.AskForBackupAsync(pod, "of-another-node", new JsonObject { ["node"] = "node-2" });
        var lured = await fixture.BackUpAsync(elsewhere, "lured");
        var own = await fixture.BackUpAsync(pod, "own");

        Assert.Equal(PodVolumePhase.Failed, lured.Phase());
        Assert.Contains("the pod is not on node node-1", lured.Status("message"), StringComparison.Ordinal);
        Assert.Equal(PodVolumePhase.Completed, own.Phase());
        var left = await fixture.Client.GetAsync(VeleroResources.PodVolumeBackups, "velero", "of-another-node", Cancellation);
        Assert.Equal("", left.Phase());
    }

    [Fact]
    public async Task A_link_in_place_of_a_volume_is_neither_backed_up_nor_restored_into()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, volume) = await fixture.AddPodAsync();
        await File.WriteAllTextAsync(Path.Combine(volume, "note"), "hello", Cancellation);
        var sound = await fixture.BackUpAsync(pod, "sound");
        Assert.Equal(PodVolumePhase.Completed, sound.Phase());
        await File.WriteAllTextAsync(Path.Combine(fixture.Outside, "shadow"), "the node's", Cancellation);
        Directory.Delete(volume, recursive: true);
        File.CreateSymbolicLink(volume, fixture.Outside);

        var backup = await fixture.BackUpAsync(pod, "linked");

        Assert.Equal(PodVolumePhase.Failed, backup.Phase());
        Assert.Contains("which must be a directory and no link", backup.Status("message"), StringComparison.Ordinal);
        var (restored, target) = await fixture.AddPodAsync("restored", restore: "r-uid");
        Directory.Delete(target, recursive: true);
        File.CreateSymbolicLink(target, fixture.Outside);
        var restore = await fixture.WaitForEndAsync(VeleroResources.PodVolumeRestores, await fixture.AskForRestoreAsync(restored, sound.Status("snapshotID"), "r-uid"));
        Assert.Equal(PodVolumePhase.Failed, restore.Phase());
        Assert.Contains("which must be a directory and no link", restore.Status("message"), StringComparison.Ordinal);
        Assert.Equal(["shadow"], Directory.EnumerateFileSystemEntries(fixture.Outside).Select(Path.GetFileName));
        Assert.Equal("the node's", await File.ReadAllTextAsync(Path.Combine(fixture.Outside, "shadow"), Cancellation));
        // For the stand-in kubelet, which removes volumes.
        File.Delete(volume);
        File.Delete(target);
    }

    private AgentOptions Options => new() { NodeName = "n1", HostPods = Pods };

    private static KubernetesObject Pod(string volume, string uid, string? node)
    {
        var pod = new KubernetesObject(KubernetesResources.Pods, "shop", "web");
        pod.Json["metadata"]!["uid"] = uid;
        pod.Json["spec"] = new JsonObject { ["volumes"] = new JsonArray(JsonNode.Parse(volume)) };
        if (node is not null) pod.Json["spec"]!["nodeName"] = node;
        return pod;
    }

    private Task<VolumeDirectory> FindAsync(string name, string volume, string uid = Uid, string? node = "n1") => new VolumeFinder(_client, Options).FindAsync(Pod(volume, uid, node), name, Cancellation);

    private async Task<string> FailAsync(string name, string volume, string uid = Uid, string? node = "n1") => (await Assert.ThrowsAsync<AgentException>(() => FindAsync(name, volume, uid, node))).Message;
}
