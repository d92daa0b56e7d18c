using System.Text.Json.Nodes;
using NodeAgent.Agent.Tests.Harness;
using NodeAgent.Agent.Volumes;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Api;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Agent.Tests.Runs;

/// <summary>A run ends with its pod: the kubelet waits for it to close what it has open, and nobody would see what a restore writes.</summary>
public sealed class PodEndTests
{
    private const string RestoreUid = "3f0c6f0e-94d5-4a6b-8b83-1f6a7d0c2b11";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_backup_ends_when_its_pod_is_deleted_and_frees_the_slot()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, _) = await fixture.AddPodAsync();
        var (other, _) = await fixture.AddPodAsync("other");
        var isHeld = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        fixture.Cluster.Faults.Delay(TimeSpan.FromMinutes(5), r => r.Resource == "secrets" && (isHeld.TrySetResult() || true));
        await fixture.AskForBackupAsync(pod);
        // Its volume is found by then.
        await isHeld.Task.WaitAsync(TimeSpan.FromSeconds(60), Cancellation);

        await fixture.Client.DeleteAsync(KubernetesResources.Pods, AgentFixture.Shop, pod.Name, new DeleteOptions(), Cancellation);

        var backup = await fixture.WaitForEndAsync(VeleroResources.PodVolumeBackups, "b1");
        Assert.Equal((PodVolumePhase.Failed, "pod shop/web was deleted before the backup of its volume data was complete"), (backup.Phase(), backup.Status("message")));
        fixture.Cluster.Faults.Clear();
        Assert.Equal(PodVolumePhase.Completed, (await fixture.BackUpAsync(other, "b2")).Phase());
    }

    [Fact]
    public async Task A_restore_ends_when_its_pod_is_deleted()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (web, _) = await fixture.AddPodAsync();
        var backup = await fixture.BackUpAsync(web);
        var (pod, _) = await fixture.AddPodAsync("restored", restore: RestoreUid);
        var isHeld = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        fixture.Cluster.Faults.Delay(TimeSpan.FromMinutes(5), r => r.Resource == "secrets" && (isHeld.TrySetResult() || true));
        await fixture.AskForRestoreAsync(pod, backup.Status("snapshotID"), RestoreUid);
        // Its volume is found by then.
        await isHeld.Task.WaitAsync(TimeSpan.FromSeconds(60), Cancellation);

        await fixture.Client.DeleteAsync(KubernetesResources.Pods, AgentFixture.Shop, pod.Name, new DeleteOptions(), Cancellation);

        var restore = await fixture.WaitForEndAsync(VeleroResources.PodVolumeRestores, "r1");
        Assert.Equal((PodVolumePhase.Failed, "pod shop/restored was deleted before its volume data was restored"), (restore.Phase(), restore.Status("message")));
    }

    [Fact]
    public async Task Before_a_backup_is_complete_the_pod_is_looked_at_once_more()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (pod, _) = await fixture.AddPodAsync();
        using var look = new HeldLook(fixture, pod.Name);

        await fixture.AskForBackupAsync(pod);
        await look.ReachedAsync();
        await fixture.Client.PatchStatusAsync(KubernetesResources.Pods, AgentFixture.Shop, pod.Name, new JsonObject { ["phase"] = "Succeeded" }, null, Cancellation);
        look.Release();

        var backup = await fixture.WaitForEndAsync(VeleroResources.PodVolumeBackups, "b1");
        Assert.Equal(PodVolumePhase.Failed, backup.Phase());
        Assert.Contains("pod shop/web has ended before the backup of its volume data was complete", backup.Status("message"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Before_a_restore_is_complete_the_pod_is_looked_at_once_more()
    {
        await using var fixture = await AgentFixture.StartAsync();
        var (web, _) = await fixture.AddPodAsync();
        var backup = await fixture.BackUpAsync(web);
        var (pod, target) = await fixture.AddPodAsync("restored", restore: RestoreUid, marksInVolume: true);
        using var look = new HeldLook(fixture, pod.Name, looksBefore: 0);

        await fixture.AskForRestoreAsync(pod, backup.Status("snapshotID"), RestoreUid);
        await look.ReachedAsync();
        await fixture.Client.PatchStatusAsync(KubernetesResources.Pods, AgentFixture.Shop, pod.Name, new JsonObject { ["phase"] = "Failed" }, null, Cancellation);
        look.Release();

        var restore = await fixture.WaitForEndAsync(VeleroResources.PodVolumeRestores, "r1");
        Assert.Equal((PodVolumePhase.Failed, "pod shop/restored has ended (Failed) before its volume data was restored"), (restore.Phase(), restore.Status("message")));
        Assert.False(Filesystem.RestoreMark.Exists(target, RestoreUid));
    }

    [Theory]
    [InlineData("""{"metadata":{"uid":"u"},"status":{"phase":"Running"}}""", null, null)]
    [InlineData("""{"metadata":{"uid":"v"},"status":{"phase":"Running"}}""", "was replaced by another of the same name", "was replaced by another of the same name")]
    [InlineData("""{"metadata":{"uid":"u","deletionTimestamp":"2026-01-01T00:00:00Z"},"status":{"phase":"Running","containerStatuses":[{"state":{"terminated":{}}},{"state":{"running":{}}}]}}""", null, "was deleted before")]
    [InlineData("""{"metadata":{"uid":"u","deletionTimestamp":"2026-01-01T00:00:00Z"},"status":{"phase":"Running","containerStatuses":[{"state":{"terminated":{}}}],"initContainerStatuses":[{"state":{"running":{}}}]}}""", null, "was deleted before")]
    [InlineData("""{"metadata":{"uid":"u","deletionTimestamp":"2026-01-01T00:00:00Z"},"status":{"phase":"Running","containerStatuses":[{"state":{"terminated":{}}}]}}""", "its containers have ended", "was deleted before")]
    [InlineData("""{"metadata":{"uid":"u"},"spec":{"volumes":[{"name":"data","emptyDir":{}}]},"status":{"phase":"Succeeded"}}""", "has ended before", "has ended (Succeeded)")]
    [InlineData("""{"metadata":{"uid":"u"},"spec":{"volumes":[{"name":"data","persistentVolumeClaim":{}}]},"status":{"phase":"Failed"}}""", null, "has ended (Failed)")]
    public void What_a_run_needs_of_its_pod(string pod, string? backup, string? restore)
    {
        var seen = new KubernetesObject((JsonObject)JsonNode.Parse(pod)!);
        Check(backup, PodEnd.OfBackup(seen, "shop/web", "u", "data"));
        Check(restore, PodEnd.OfRestore(seen, "shop/web", "u", "data"));

        static void Check(string? expected, string? actual)
        {
            if (expected is null) Assert.Null(actual);
            else Assert.Contains(expected, actual, StringComparison.Ordinal);
        }
    }

    /// <summary>Refuses the agent's question for a pod, from the last one on, until released, and meanwhile keeps it from seeing its pods change.</summary>
    private sealed class HeldLook : IDisposable
    {
        private readonly AgentFixture _fixture;
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _looks;
        private volatile bool _isReleased;

        public HeldLook(AgentFixture fixture, string pod, int looksBefore = 1)
        {
            _fixture = fixture;
            fixture.Cluster.Faults.FailNext(int.MaxValue, 503, r =>
            {
                if (_isReleased || r.Verb != "get" || r.Resource != "pods" || r.Name != pod || Interlocked.Increment(ref _looks) <= looksBefore) return false;
                _reached.TrySetResult();
                return true;
            });
        }

        public async Task ReachedAsync()
        {
            await _reached.Task.WaitAsync(TimeSpan.FromSeconds(60), Cancellation);
            _fixture.Cluster.Faults.FailNext(int.MaxValue, 503, r => r.Verb is "list" or "watch" && r.Resource == "pods");
            _fixture.Cluster.Faults.DropWatches();
        }

        public void Release() => _isReleased = true;

        public void Dispose() => _fixture.Cluster.Faults.Clear();
    }
}
