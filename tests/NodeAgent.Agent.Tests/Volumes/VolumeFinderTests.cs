using System.Text.Json.Nodes;
using NodeAgent.Agent.Volumes;
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
        Assert.EndsWith("kubernetes.io~csi/data/mount", (await FindAsync("data")).Path, StringComparison.Ordinal);
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

    private Task<VolumeDirectory> FindAsync(string volume)
    {
        var pod = new KubernetesObject(KubernetesResources.Pods, "shop", "web");
        pod.Json["metadata"]!["uid"] = "uid";
        pod.Json["spec"] = new JsonObject { ["volumes"] = new JsonArray(new JsonObject { ["name"] = "data", ["csi"] = new JsonObject() }) };
        return new VolumeFinder(_client, new AgentOptions { NodeName = "n1", HostPods = _pods }).FindAsync(pod, volume, TestContext.Current.CancellationToken);
    }

    private async Task<string> FailAsync(string volume) => (await Assert.ThrowsAsync<AgentException>(() => FindAsync(volume))).Message;
}
