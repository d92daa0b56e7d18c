using System.Text.Json.Nodes;
using NodeAgent.Agent.Volumes;
using NodeAgent.Filesystem;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Connection;

namespace NodeAgent.Agent.Tests.Volumes;

/// <summary>Layouts of a kubelet's directory that the stand-in kubelet does not make.</summary>
public sealed class VolumeFinderTests : IDisposable
{
    private readonly string _pods = Directory.CreateTempSubdirectory("volume-finder-").FullName;
    private readonly ApiClient _client = new(ClusterConfig.ForServer(new Uri("http://127.0.0.1:9/")));

    public void Dispose()
    {
        _client.Dispose();
        Directory.Delete(_pods, recursive: true);
    }

    [Fact]
    public async Task An_inline_csi_volume_has_its_files_in_mount()
    {
        Directory.CreateDirectory(Path.Combine(_pods, "uid", "volumes", "kubernetes.io~csi", "data", "mount"));
        Assert.EndsWith("kubernetes.io~csi/data/mount", (await FindAsync("data", acceptsPlain: true)).Path, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_csi_volume_that_is_not_mounted_is_told()
    {
        Directory.CreateDirectory(Path.Combine(_pods, "uid", "volumes", "kubernetes.io~csi", "data"));
        Assert.Contains("the CSI driver has not mounted it", await FailAsync("data"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_raw_block_device_is_told()
    {
        Directory.CreateDirectory(Path.Combine(_pods, "uid", "volumeDevices", "kubernetes.io~csi"));
        await File.WriteAllTextAsync(Path.Combine(_pods, "uid", "volumeDevices", "kubernetes.io~csi", "data"), "", TestContext.Current.CancellationToken);
        Assert.Contains("raw block device", await FailAsync("data"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_volume_that_is_found_twice_is_not_guessed_at()
    {
        Directory.CreateDirectory(Path.Combine(_pods, "uid", "volumes", "kubernetes.io~empty-dir", "data"));
        Directory.CreateDirectory(Path.Combine(_pods, "uid", "volumes", "kubernetes.io~nfs", "data"));
        Assert.Contains("found more than once", await FailAsync("data"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pod_without_a_directory_points_at_the_mount_of_the_pods_directory() =>
        Assert.Contains($"or the kubelet's pods directory is not mounted at {_pods}", await FailAsync("data"), StringComparison.Ordinal);

    [Theory]
    [InlineData("kubernetes.io~csi/data/mount", """{"csi":{}}""")]
    [InlineData("kubernetes.io~nfs/data", """{"nfs":{}}""")]
    [InlineData("kubernetes.io~local-volume/data", """{"csi":{}}""")]
    [InlineData("some.vendor~driver/data", """{"flexVolume":{}}""")]
    [InlineData("kubernetes.io~empty-dir/data", """{"emptyDir":{"medium":"Memory"}}""")]
    public async Task A_directory_that_nothing_is_mounted_at_is_no_volume(string directory, string source)
    {
        var path = Directory.CreateDirectory(Path.Combine(_pods, "uid", "volumes", directory)).FullName;
        Assert.SkipWhen(DirectoryIdentity.Of(path).IsMountPoint is null, "the kernel does not say where mounts begin: 5.8 or newer is needed");
        Assert.Contains($"nothing is mounted at {path}", await FailAsync("data", source), StringComparison.Ordinal);
        Assert.Equal(path, (await FindAsync("data", source, acceptsPlain: true)).Path);
    }

    [Fact]
    public async Task A_directory_for_scratch_is_a_volume_as_it_is()
    {
        var path = Directory.CreateDirectory(Path.Combine(_pods, "uid", "volumes", "kubernetes.io~empty-dir", "data")).FullName;
        var found = await FindAsync("data", """{"emptyDir":{}}""");
        Assert.Equal(path, found.Path);
        Assert.False(found.IsGone());
        Directory.Delete(path);
        Assert.True(found.IsGone());
    }

    private Task<VolumeDirectory> FindAsync(string volume, string source = """{"csi":{}}""", bool acceptsPlain = false)
    {
        var entry = (JsonObject)JsonNode.Parse(source)!;
        entry["name"] = "data";
        var pod = new KubernetesObject(KubernetesResources.Pods, "shop", "web");
        pod.Json["metadata"]!["uid"] = "uid";
        pod.Json["spec"] = new JsonObject { ["nodeName"] = "n1", ["volumes"] = new JsonArray(entry) };
        return new VolumeFinder(_client, new AgentOptions { NodeName = "n1", HostPods = _pods, AcceptsPlainDirectories = acceptsPlain }).FindAsync(pod, volume, TestContext.Current.CancellationToken);
    }

    private async Task<string> FailAsync(string volume, string source = """{"csi":{}}""") => (await Assert.ThrowsAsync<AgentException>(() => FindAsync(volume, source))).Message;
}
