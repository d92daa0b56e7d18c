using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>Controllers that are killed, and servers that are away for half a minute, while volumes are on their way.</summary>
[Collection(RealNodeCollection.Name)]
public sealed class OutageScenarioTests(RealNodeFixture fixture) : RealNodeTest(fixture)
{
    private static readonly TimeSpan Away = TimeSpan.FromSeconds(30);

    // A controller that is killed gives its lease back to nobody: the other waits until it has run out.
    private static readonly TimeSpan Takeover = TimeSpan.FromSeconds(240);

    [Fact]
    public async Task While_the_API_server_is_away_for_30_seconds_a_backup_and_a_restore_go_on()
    {
        var both = await BeginBothAsync("api");
        await Node.ScriptAsync(["stop"], "kube-apiserver");
        await Task.Delay(Away, Cancellation);
        await Node.ScriptAsync(["start"], "kube-apiserver");
        Node.Gateway.Release();
        await ExpectBothAsync(both);
    }

    [Fact]
    public async Task While_the_gateway_is_away_for_30_seconds_a_backup_and_a_restore_go_on()
    {
        var both = await BeginBothAsync("s3");
        await Node.Gateway.StopAsync();
        await Task.Delay(Away, Cancellation);
        Node.Gateway.Start();
        // Found out within ten seconds, and until then new backups are refused.
        await Node.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
        await ExpectBothAsync(both);
    }

    [Fact]
    public async Task A_backup_that_no_controller_sees_at_first_is_made_by_the_next_one()
    {
        var shop = await Shop.AddAsync(Node, "unseen", isHeldUp: false);
        await Node.KubectlAsync("delete", "pods", "-n", RealNode.System, "-l", "deploy=velero", "--wait=false");
        await Node.RunToEndAsync(BackupPhase.Completed, "backup", "create", Node.Name("unseen"), "--include-namespaces", shop.Namespace);
    }

    [Fact]
    public async Task A_backup_whose_controller_is_killed_ends_with_the_reason_and_the_next_one_is_made()
    {
        var shop = await Shop.AddAsync(Node, "killed");
        var name = Node.Name("killed");
        await shop.BeginAsync(VeleroResources.PodVolumeBackups, name, "backup", "create", name, "--include-namespaces", shop.Namespace);
        await KillLeaderAsync();
        Node.Gateway.Release();
        var backup = await Node.WaitForEndAsync(VeleroResources.Backups, name, BackupPhase.Failed, Takeover);
        Assert.Contains("controller", (string?)backup["status"]!["failureReason"], StringComparison.Ordinal);
        await Node.RunToEndAsync(BackupPhase.Completed, "backup", "create", name + "-again", "--include-namespaces", shop.Namespace);
        Assert.All(await Node.VolumesOfAsync(VeleroResources.PodVolumeBackups, name), v => Assert.NotEqual(PodVolumePhase.InProgress, (string?)v["status"]!["phase"]));
    }

    [Fact]
    public async Task A_backup_whose_controller_is_stopped_after_its_volumes_ends_and_the_next_one_is_made()
    {
        var shop = await Shop.AddAsync(Node, "late");
        var name = Node.Name("late");
        await shop.BeginAsync(VeleroResources.PodVolumeBackups, name, "backup", "create", name, "--include-namespaces", shop.Namespace);
        Node.Gateway.Release();
        var volume = (string)Assert.Single(await Node.VolumesOfAsync(VeleroResources.PodVolumeBackups, name))["metadata"]!["name"]!;
        await Node.WaitForPhaseAsync(VeleroResources.PodVolumeBackups, volume, PodVolumePhase.Completed);
        // What is left to do is to write the backup's own files, which do not get through.
        Node.Gateway.Hold();
        await Node.KubectlAsync("delete", "pods", "-n", RealNode.System, "-l", "deploy=velero", "--wait=false");
        await Task.Delay(TimeSpan.FromSeconds(2), Cancellation);
        Node.Gateway.Release();
        string[] ends = [BackupPhase.Completed, BackupPhase.Failed];
        var backup = (await Node.WaitAsync(VeleroResources.Backups, RealNode.System, name, "its end", o => ends.Contains((string?)o?["status"]?["phase"]), Takeover))!;
        if ((string?)backup["status"]!["phase"] == BackupPhase.Failed) Assert.Contains("controller", (string?)backup["status"]!["failureReason"], StringComparison.Ordinal);
        await Node.RunToEndAsync(BackupPhase.Completed, "backup", "create", name + "-again", "--include-namespaces", shop.Namespace);
    }

    [Fact]
    public async Task A_restore_whose_controller_is_stopped_ends_with_the_reason_and_the_next_one_brings_all_back()
    {
        var shop = await Shop.AddAsync(Node, "resume");
        var name = Node.Name("resume");
        await Node.RunToEndAsync(BackupPhase.Completed, "backup", "create", name, "--include-namespaces", shop.Namespace);
        await Node.DeleteAsync(KubernetesResources.Namespaces, null, shop.Namespace);
        await shop.BeginAsync(VeleroResources.PodVolumeRestores, name, "restore", "create", name, "--from-backup", name);
        await Node.KubectlAsync("delete", "pods", "-n", RealNode.System, "-l", "deploy=velero", "--wait=false");
        var restore = await Node.WaitForEndAsync(VeleroResources.Restores, name, RestorePhase.Failed, Takeover);
        Node.Gateway.Release();
        Assert.Contains("controller", (string?)restore["status"]!["failureReason"], StringComparison.Ordinal);
        await Node.DeleteAsync(KubernetesResources.Namespaces, null, shop.Namespace);
        await Node.RunToEndAsync(RestorePhase.Completed, "restore", "create", name + "-again", "--from-backup", name);
        await Node.WaitForPodAsync(shop.Namespace, "db");
        Assert.Equal(shop.Content, await shop.ReadAsync());
    }

    [Fact]
    public async Task Two_backups_of_one_pod_at_once_are_both_whole()
    {
        var shop = await Shop.AddAsync(Node, "twice", isHeldUp: false);
        string[] names = [Node.Name("twice-a"), Node.Name("twice-b")];
        foreach (var name in names) await Node.RunAsync("backup", "create", name, "--include-namespaces", shop.Namespace);
        foreach (var name in names) await Node.WaitForEndAsync(VeleroResources.Backups, name, BackupPhase.Completed);
        foreach (var name in names) await shop.ExpectBackAsync(name);
    }

    /// <summary>Begins a backup of one application and a restore of another, and holds both in the middle.</summary>
    private async Task<(string Backup, string Restore, Shop Restored)> BeginBothAsync(string name)
    {
        var (one, other) = (await Shop.AddAsync(Node, name + "-one"), await Shop.AddAsync(Node, name + "-other"));
        var (first, second) = (Node.Name(name + "-one"), Node.Name(name + "-other"));
        await Node.RunToEndAsync(BackupPhase.Completed, "backup", "create", second, "--include-namespaces", other.Namespace);
        await Node.DeleteAsync(KubernetesResources.Namespaces, null, other.Namespace);
        await Node.RunAsync("restore", "create", second, "--from-backup", second);
        await one.BeginBackupAsync(first);
        return (first, second, other);
    }

    private async Task ExpectBothAsync((string Backup, string Restore, Shop Restored) both)
    {
        await Node.WaitForEndAsync(VeleroResources.Backups, both.Backup, BackupPhase.Completed, Takeover);
        await Node.WaitForEndAsync(VeleroResources.Restores, both.Restore, RestorePhase.Completed, Takeover);
        await Node.WaitForPodAsync(both.Restored.Namespace, "db");
        Assert.Equal(both.Restored.Content, await both.Restored.ReadAsync());
        Assert.All(await Node.VolumesOfAsync(VeleroResources.PodVolumeBackups, both.Backup), v => Assert.Equal(PodVolumePhase.Completed, (string?)v["status"]!["phase"]));
    }

    /// <summary>Kills the controller that holds the lease, so that it cannot say goodbye.</summary>
    private async Task KillLeaderAsync()
    {
        var lease = await Node.GetAsync(KubernetesResources.Leases, RealNode.System, "controller.nodeagent.io");
        var holder = (string)lease["spec"]!["holderIdentity"]!;
        var pod = (await Node.ListAsync(KubernetesResources.Pods, RealNode.System, "deploy=velero")).Select(p => (string)p["metadata"]!["name"]!).Single(p => holder.StartsWith(p + "_", StringComparison.Ordinal));
        await Node.KillContainerAsync(RealNode.System, pod);
    }
}
