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
        var (backedUp, restored) = await BeginBothAsync("api");
        await Node.ScriptAsync(["stop"], "kube-apiserver");
        await Task.Delay(Away, Cancellation);
        await Node.ScriptAsync(["start"], "kube-apiserver");
        Node.Gateway.Release();
        await ExpectBothAsync(backedUp, restored);
    }

    [Fact]
    public async Task While_the_gateway_is_away_for_30_seconds_a_backup_and_a_restore_go_on()
    {
        var (backedUp, restored) = await BeginBothAsync("s3");
        await Node.Gateway.StopAsync();
        await Task.Delay(Away, Cancellation);
        Node.Gateway.Start();
        // Found out within ten seconds, and until then new backups are refused.
        await Node.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
        await ExpectBothAsync(backedUp, restored);
    }

    [Fact]
    public async Task A_backup_that_no_controller_sees_at_first_is_made_by_the_next_one()
    {
        var shop = await AddShopAsync("unseen");
        await Node.KubectlAsync("delete", "pods", "-n", RealNode.System, "-l", "deploy=velero", "--wait=false");
        await Node.RunToEndAsync(BackupPhase.Completed, "backup", "create", Node.Name("unseen"), "--include-namespaces", shop);
    }

    [Fact]
    public async Task A_backup_whose_controller_is_killed_ends_with_the_reason_and_the_next_one_is_made()
    {
        var shop = await AddShopAsync("killed");
        var name = Node.Name("killed");
        await BeginAsync(VeleroResources.PodVolumeBackups, name, "backup", "create", name, "--include-namespaces", shop);
        await KillLeaderAsync();
        Node.Gateway.Release();
        var backup = await Node.WaitForEndAsync(VeleroResources.Backups, name, BackupPhase.Failed, Takeover);
        Assert.Contains("controller", (string?)backup["status"]!["failureReason"], StringComparison.Ordinal);
        await Node.RunToEndAsync(BackupPhase.Completed, "backup", "create", name + "-again", "--include-namespaces", shop);
        Assert.All(await Node.VolumesOfAsync(VeleroResources.PodVolumeBackups, name), v => Assert.NotEqual(PodVolumePhase.InProgress, (string?)v["status"]!["phase"]));
    }

    [Fact]
    public async Task A_backup_whose_controller_is_stopped_after_its_volumes_ends_and_the_next_one_is_made()
    {
        var shop = await AddShopAsync("late");
        var name = Node.Name("late");
        await BeginAsync(VeleroResources.PodVolumeBackups, name, "backup", "create", name, "--include-namespaces", shop);
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
        await Node.RunToEndAsync(BackupPhase.Completed, "backup", "create", name + "-again", "--include-namespaces", shop);
    }

    [Fact]
    public async Task A_restore_whose_controller_is_stopped_ends_with_the_reason_and_the_next_one_brings_all_back()
    {
        var shop = await AddShopAsync("resume");
        var name = Node.Name("resume");
        var sum = await SumAsync(shop);
        await Node.RunToEndAsync(BackupPhase.Completed, "backup", "create", name, "--include-namespaces", shop);
        await Node.DeleteAsync(KubernetesResources.Namespaces, null, shop);
        await BeginAsync(VeleroResources.PodVolumeRestores, name, "restore", "create", name, "--from-backup", name);
        await Node.KubectlAsync("delete", "pods", "-n", RealNode.System, "-l", "deploy=velero", "--wait=false");
        var restore = await Node.WaitForEndAsync(VeleroResources.Restores, name, RestorePhase.Failed, Takeover);
        Node.Gateway.Release();
        Assert.Contains("controller", (string?)restore["status"]!["failureReason"], StringComparison.Ordinal);
        await Node.DeleteAsync(KubernetesResources.Namespaces, null, shop);
        await Node.RunToEndAsync(RestorePhase.Completed, "restore", "create", name + "-again", "--from-backup", name);
        await Node.WaitForPodAsync(shop, "db");
        Assert.Equal(sum, await SumAsync(shop));
    }

    [Fact]
    public async Task Two_backups_of_one_pod_at_once_are_both_whole()
    {
        var shop = await AddShopAsync("twice");
        var sum = await SumAsync(shop);
        string[] names = [Node.Name("twice-a"), Node.Name("twice-b")];
        foreach (var name in names) await Node.RunAsync("backup", "create", name, "--include-namespaces", shop);
        foreach (var name in names) await Node.WaitForEndAsync(VeleroResources.Backups, name, BackupPhase.Completed);
        foreach (var name in names)
        {
            await Node.DeleteAsync(KubernetesResources.Namespaces, null, shop);
            await Node.RunToEndAsync(RestorePhase.Completed, "restore", "create", name, "--from-backup", name);
            await Node.WaitForPodAsync(shop, "db");
            Assert.Equal(sum, await SumAsync(shop));
        }
    }

    /// <summary>Begins a backup of one application and a restore of another, and holds both in the middle.</summary>
    private async Task<(string Backup, (string Name, string Shop, string Sum) Restore)> BeginBothAsync(string name)
    {
        var (one, other) = (await AddShopAsync(name + "-one"), await AddShopAsync(name + "-other"));
        var (first, second) = (Node.Name(name + "-one"), Node.Name(name + "-other"));
        var sum = await SumAsync(other);
        await Node.RunToEndAsync(BackupPhase.Completed, "backup", "create", second, "--include-namespaces", other);
        await Node.DeleteAsync(KubernetesResources.Namespaces, null, other);
        await Node.RunAsync("restore", "create", second, "--from-backup", second);
        await BeginAsync(VeleroResources.PodVolumeBackups, first, "backup", "create", first, "--include-namespaces", one);
        return (first, (second, other, sum));
    }

    private async Task ExpectBothAsync(string backup, (string Name, string Shop, string Sum) restore)
    {
        await Node.WaitForEndAsync(VeleroResources.Backups, backup, BackupPhase.Completed, Takeover);
        await Node.WaitForEndAsync(VeleroResources.Restores, restore.Name, RestorePhase.Completed, Takeover);
        await Node.WaitForPodAsync(restore.Shop, "db");
        Assert.Equal(restore.Sum, await SumAsync(restore.Shop));
        Assert.All(await Node.VolumesOfAsync(VeleroResources.PodVolumeBackups, backup), v => Assert.Equal(PodVolumePhase.Completed, (string?)v["status"]!["phase"]));
    }

    /// <summary>Starts a run and keeps the S3 server's answers from it as soon as its volume is on its way.</summary>
    private async Task BeginAsync(ResourceKind volumes, string run, params string[] command)
    {
        await Node.RunAsync(command);
        var deadline = DateTime.UtcNow + RealNode.Limit;
        while (true)
        {
            var phase = (string?)(await Node.VolumesOfAsync(volumes, run)).FirstOrDefault()?["status"]?["phase"];
            if (phase == PodVolumePhase.InProgress) break;
            if (phase is PodVolumePhase.Completed or PodVolumePhase.Failed || DateTime.UtcNow > deadline) await Node.FailAsync($"the volume of {run} was {phase ?? "not there"} when it was to be held up");
            await Task.Delay(50, Cancellation);
        }

        Node.Gateway.Hold();
    }

    /// <summary>Kills the controller that holds the lease, so that it cannot say goodbye.</summary>
    private async Task KillLeaderAsync()
    {
        var lease = await Node.GetAsync(KubernetesResources.Leases, RealNode.System, "controller.nodeagent.io");
        var holder = (string)lease["spec"]!["holderIdentity"]!;
        var pod = (await Node.ListAsync(KubernetesResources.Pods, RealNode.System, "deploy=velero")).Select(p => (string)p["metadata"]!["name"]!).Single(p => holder.StartsWith(p + "_", StringComparison.Ordinal));
        await Node.KubectlAsync("delete", "pod", pod, "-n", RealNode.System, "--grace-period=0", "--force");
    }

    /// <summary>A namespace with a pod whose volume takes some seconds to read.</summary>
    private async Task<string> AddShopAsync(string name)
    {
        var ns = Node.Name(name);
        await Node.CreateNamespaceAsync(ns);
        await Node.ApplyAsync($$"""
            apiVersion: v1
            kind: Pod
            metadata:
              name: db
              namespace: {{ns}}
              annotations: {backup.velero.io/backup-volumes: data}
            spec:
              terminationGracePeriodSeconds: 0
              containers:
                - name: db
                  image: {{Node.Settings.Busybox}}
                  imagePullPolicy: IfNotPresent
                  command: [sh, -c, "while :; do sleep 1; done"]
                  volumeMounts: [{name: data, mountPath: /data}]
              volumes: [{name: data, emptyDir: {} }]
            """);
        await Node.WaitForPodAsync(ns, "db");
        await Node.ExecAsync(ns, "db", "dd if=/dev/urandom of=/data/big bs=1M count=200 2>/dev/null && mkdir -p /data/a/b && echo small > /data/a/b/small && chmod 0640 /data/a/b/small");
        return ns;
    }

    private async Task<string> SumAsync(string ns) => (await Node.ExecAsync(ns, "db", "cd /data && find . -type f | sort | xargs md5sum && stat -c '%a %n' a/b/small")).Trim();
}
