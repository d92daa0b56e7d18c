using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>Commands in the containers of real pods, before and after their volumes are read and after they are written.</summary>
/// <param name="fixture">The node.</param>
/// <param name="round">The pods.</param>
[Collection(RealNodeCollection.Name)]
public sealed class HookScenarioTests(RealNodeFixture fixture, HookRound round) : RealNodeTest(fixture), IClassFixture<HookRound>
{
    [Fact]
    public async Task Hooks_in_annotations_run_before_and_after_the_volume_is_read()
    {
        await round.DoneAsync();
        Assert.Equal("before\nafter\n", round.OrderAfterBackup["annotated"]);
        // What the hook after wrote is not in the backup; what a hook of the restore wrote came later.
        Assert.Equal("before\nrestored\n", await Node.ExecAsync(round.Namespace, "annotated", "cat /data/order"));
    }

    [Fact]
    public async Task Hooks_in_the_backup_run_in_their_order()
    {
        await round.DoneAsync();
        Assert.Equal("first\nsecond\nafter\n", round.OrderAfterBackup["plain"]);
        var status = (await Node.GetAsync(VeleroResources.Backups, RealNode.System, round.Run))["status"]!["hookStatus"]!;
        Assert.Equal((8, 3), ((int?)status["hooksAttempted"], (int?)status["hooksFailed"]));
    }

    [Fact]
    public async Task A_failing_hook_keeps_its_pod_out_of_the_backup_unless_it_says_Continue()
    {
        await round.DoneAsync();
        var results = await Node.ResultsAsync("backups", round.Run);
        Assert.Contains($"pod {round.Namespace}/continuing: it ended with exit code 3; it printed: all is not well", results, StringComparison.Ordinal);
        Assert.Contains($"pod {round.Namespace}/failing: it ended with exit code 4", results, StringComparison.Ordinal);
        var volumes = await Node.VolumesOfAsync(VeleroResources.PodVolumeBackups, round.Run);
        Assert.All(volumes, v => Assert.Equal(PodVolumePhase.Completed, (string?)v["status"]!["phase"]));
        Assert.Equal(["annotated", "continuing", "hanging", "plain"], volumes.Select(v => (string?)v["spec"]!["pod"]!["name"]).Order(StringComparer.Ordinal));
        await Node.WaitForPodAsync(round.Namespace, "continuing");
        Assert.Null(await Node.FindAsync(KubernetesResources.Pods, round.Namespace, "failing"));
    }

    [Fact]
    public async Task A_hook_that_hangs_is_given_up_after_its_timeout()
    {
        await round.DoneAsync();
        Assert.Contains($"pod {round.Namespace}/hanging: it did not end within 2 s", await Node.ResultsAsync("backups", round.Run), StringComparison.Ordinal);
        Assert.True(round.BackupTook < RealNode.Limit, $"the backup took {round.BackupTook.TotalSeconds:0} s");
    }

    [Fact]
    public async Task Hooks_of_a_restore_run_in_init_containers_after_the_data_and_in_the_application()
    {
        await round.DoneAsync();
        Assert.Equal("prepared\n", await Node.LogAsync(round.Namespace, "annotated", "prepare"));
        Assert.Equal("first\nsecond\nthat was all\n", await Node.LogAsync(round.Namespace, "plain", "look"));
        Assert.Equal("first\nsecond\nrestored\n", await Node.ExecAsync(round.Namespace, "plain", "cat /data/order"));
        var status = (await Node.GetAsync(VeleroResources.Restores, RealNode.System, round.Run))["status"]!["hookStatus"]!;
        Assert.Equal((2, 0), ((int?)status["hooksAttempted"], (int?)status["hooksFailed"] ?? 0));
    }
}
