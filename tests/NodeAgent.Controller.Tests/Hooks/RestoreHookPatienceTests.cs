using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Hooks;

/// <summary>How long hooks of restored pods are waited for. The server of these tests runs no commands, which a hook whose time has come reports.</summary>
public sealed class RestoreHookPatienceTests
{
    private const string Hook = """{"backup.velero.io/backup-volumes":"data","post.hook.restore.velero.io/command":"replay","post.hook.restore.velero.io/wait-timeout":"500ms"}""";
    private const string Up = """{"status":{"phase":"Running","initContainerStatuses":[{"name":"restore-wait","state":{"terminated":{"exitCode":0}}}],"containerStatuses":[{"name":"web","state":{"running":{}}}]}}""";

    [Fact]
    public async Task The_time_for_a_container_to_come_up_begins_when_the_pods_volumes_are_back()
    {
        await using var cluster = await BeginAsync();
        // Much longer than the hook's own patience, and no time at all for a volume.
        await Task.Delay(TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken);
        cluster.Api.Patch(KubernetesResources.Pods, "shop", "web", Up);
        cluster.AgentOutcome = PodVolumePhase.Completed;
        var results = await EndAsync(cluster);
        Assert.Contains("it could not be run", results, StringComparison.Ordinal);
        Assert.DoesNotContain("did not come up", results, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_begins_as_well_when_the_volumes_have_failed()
    {
        await using var cluster = await BeginAsync();
        cluster.AgentOutcome = PodVolumePhase.Failed;
        Assert.Contains("the container did not come up within 500ms", await EndAsync(cluster), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pod_that_is_deleted_is_not_waited_for()
    {
        await using var cluster = await BeginAsync();
        cluster.Api.Remove(KubernetesResources.Pods, "shop", "web");
        cluster.AgentOutcome = PodVolumePhase.Completed;
        Assert.Contains("the pod was deleted before its container came up", await EndAsync(cluster), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pod_that_has_ended_is_not_waited_for()
    {
        await using var cluster = await BeginAsync();
        cluster.Api.Patch(KubernetesResources.Pods, "shop", "web", """{"status":{"phase":"Failed"}}""");
        cluster.AgentOutcome = PodVolumePhase.Completed;
        Assert.Contains("the pod ended (Failed) before its container came up", await EndAsync(cluster), StringComparison.Ordinal);
    }

    /// <summary>A restore that waits for the volume of its pod.</summary>
    private static async Task<ControllerFixture> BeginAsync()
    {
        var cluster = await ControllerFixture.StartAsync(o => o with { ResourceTimeout = TimeSpan.FromSeconds(20) });
        cluster.AddShop(Hook);
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.AgentOutcome = null;
        cluster.Api.Add(VeleroResources.Restores, """{"metadata":{"name":"r","namespace":"velero"},"spec":{"backupName":"b"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.PodVolumeRestores).Count == 1);
        return cluster;
    }

    private static async Task<string> EndAsync(ControllerFixture cluster)
    {
        var restore = await cluster.WaitForEndAsync(VeleroResources.Restores, "r");
        Assert.Equal((1L, 1L), (restore.Number("status", "hookStatus", "hooksAttempted"), restore.Number("status", "hookStatus", "hooksFailed")));
        return BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-results.gz");
    }
}
