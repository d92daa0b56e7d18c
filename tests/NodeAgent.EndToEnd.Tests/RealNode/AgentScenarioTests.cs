using System.Globalization;
using System.Text.Json.Nodes;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.EndToEnd.Tests.RealNode;

/// <summary>Agents that are killed, replaced and drained around, while volumes are on their way.</summary>
/// <param name="fixture">The node.</param>
[Collection(RealNodeCollection.Name)]
public sealed class AgentScenarioTests(RealNodeFixture fixture) : RealNodeTest(fixture)
{
    [Fact]
    public async Task A_backup_whose_agent_is_killed_is_taken_up_by_the_next_one()
    {
        var shop = await Shop.AddAsync(Node, "agent-gone");
        var name = Node.Name("agent-gone");
        await shop.BeginBackupAsync(name);
        await KillAgentsAsync();
        Node.Gateway.Release();
        await Node.WaitForEndAsync(VeleroResources.Backups, name, BackupPhase.Completed);
        await shop.ExpectBackAsync(name);
    }

    [Fact]
    public async Task A_restore_whose_agent_is_killed_is_taken_up_by_the_next_one()
    {
        var shop = await Shop.AddAsync(Node, "agent-lost");
        var name = Node.Name("agent-lost");
        await Node.RunToEndAsync(BackupPhase.Completed, "backup", "create", name, "--include-namespaces", shop.Namespace);
        await Node.DeleteAsync(KubernetesResources.Namespaces, null, shop.Namespace);
        await shop.BeginAsync(VeleroResources.PodVolumeRestores, name, "restore", "create", name, "--from-backup", name);
        await KillAgentsAsync();
        Node.Gateway.Release();
        await Node.WaitForEndAsync(VeleroResources.Restores, name, RestorePhase.Completed);
        await Node.WaitForPodAsync(shop.Namespace, "db");
        Assert.Equal(shop.Content, await shop.ReadAsync());
    }

    [Fact]
    public async Task The_DaemonSet_is_updated_while_a_backup_runs()
    {
        var shop = await Shop.AddAsync(Node, "update");
        var name = Node.Name("update");
        await shop.BeginBackupAsync(name);
        await Node.KubectlAsync("set", "env", "daemonset/node-agent", "-n", RealNode.System, $"UPDATED={Node.Id}");
        await Task.Delay(TimeSpan.FromSeconds(2), Cancellation);
        Node.Gateway.Release();
        await Node.WaitForEndAsync(VeleroResources.Backups, name, BackupPhase.Completed);
        await Node.WaitUntilReadyAsync(RealNode.System);
        await shop.ExpectBackAsync(name);
    }

    [Fact]
    public async Task An_agent_with_a_backup_in_hand_ends_within_seconds_although_the_store_does_not_answer()
    {
        var shop = await Shop.AddAsync(Node, "ending");
        var name = Node.Name("ending");
        await shop.BeginBackupAsync(name);
        var agent = (string)Assert.Single(await Node.ListAsync(KubernetesResources.Pods, RealNode.System, "name=node-agent"))["metadata"]!["name"]!;
        var log = Node.FollowLogAsync(RealNode.System, agent);
        var (ended, gone) = await EndAsync(agent);
        Node.Gateway.Release();
        // What passes before the signal and after the end is the kubelet's, which on a busy machine takes its time.
        var lines = (await log).Split('\n');
        var told = lines.FirstOrDefault(line => line.Contains("SIGTERM received", StringComparison.Ordinal));
        // Where the kubelet took the log away before it was read, its own time counts, too.
        var took = told is null ? gone : ended - Parse(told[..told.IndexOf(' ', StringComparison.Ordinal)]);
        TestContext.Current.TestOutputHelper?.WriteLine($"the agent had ended {took.TotalSeconds:0.0} s after it was told, its pod was gone {gone.TotalSeconds:0.0} s after it was deleted");
        Assert.True(took < TimeSpan.FromSeconds(30), $"the agent took {took.TotalSeconds:0} s, of 60 until it is killed:\n{string.Join('\n', lines)}");
        await Node.WaitForEndAsync(VeleroResources.Backups, name, BackupPhase.Completed);
        await shop.ExpectBackAsync(name);
    }

    [Fact]
    public async Task A_node_is_drained_while_a_backup_runs_and_the_next_backup_is_whole()
    {
        var shop = await Shop.AddAsync(Node, "drain");
        var name = Node.Name("drain");
        await shop.BeginBackupAsync(name);
        var node = Node.Settings.NodeName ?? throw new InvalidOperationException("the node's name is not known");
        await Node.KubectlAsync("cordon", node);
        try
        {
            // As kubectl drain does, for this pod alone: others of the node are of other tests. It must not wait for the backup.
            await Node.KubectlAsync("delete", "pod", "db", "-n", shop.Namespace, "--timeout=60s");
        }
        finally
        {
            await Node.KubectlAsync("uncordon", node);
            Node.Gateway.Release();
        }

        await Node.WaitForEndAsync(VeleroResources.Backups, name, BackupPhase.PartiallyFailed);
        var volume = Assert.Single(await Node.VolumesOfAsync(VeleroResources.PodVolumeBackups, name));
        Assert.Equal(PodVolumePhase.Failed, (string?)volume["status"]!["phase"]);
        Assert.Contains("pod", (string?)volume["status"]!["message"], StringComparison.Ordinal);
        await shop.AddPodAsync();
        await Node.RunToEndAsync(BackupPhase.Completed, "backup", "create", name + "-again", "--include-namespaces", shop.Namespace);
        await shop.ExpectBackAsync(name + "-again");
    }

    [Fact]
    public async Task Agents_limited_to_256_MiB_back_up_and_restore_volumes_much_larger()
    {
        var shop = await Shop.AddAsync(Node, "limited", isHeldUp: false);
        // Small files, text that shrinks and more that does not, in sum four times the limit.
        await Node.ExecAsync(shop.Namespace, "db", """
            mkdir /data/small && i=0
            while [ $i -lt 200 ]; do mkdir /data/small/$i; j=0; while [ $j -lt 100 ]; do echo "$i $j is a small file" > /data/small/$i/$j; j=$((j+1)); done; i=$((i+1)); done
            yes 'a line that comes again and again' | head -c 300000000 > /data/text
            dd if=/dev/urandom of=/data/bigger bs=1M count=500 2>/dev/null
            """);
        var before = await SumAsync(shop);
        var name = Node.Name("limited");
        var was = (string?)(await Node.GetAsync(RealNode.DaemonSets, RealNode.System, "node-agent"))["spec"]!["template"]!["spec"]!["containers"]![0]!["resources"]!["limits"]!["memory"];
        Assert.NotNull(was);
        await LimitAsync("256Mi");
        try
        {
            await Node.RunToEndAsync(BackupPhase.Completed, "backup", "create", name, "--include-namespaces", shop.Namespace);
            await Node.RunToEndAsync(BackupPhase.Completed, "backup", "create", name + "-again", "--include-namespaces", shop.Namespace);
            await Node.DeleteAsync(KubernetesResources.Namespaces, null, shop.Namespace);
            await Node.RunToEndAsync(RestorePhase.Completed, "restore", "create", name, "--from-backup", name);
            await Node.WaitForPodAsync(shop.Namespace, "db");
            Assert.Equal(before, await SumAsync(shop));
            foreach (var agent in await Node.ListAsync(KubernetesResources.Pods, RealNode.System, "name=node-agent"))
            {
                Assert.Equal("256Mi", (string?)agent["spec"]!["containers"]![0]!["resources"]!["limits"]!["memory"]);
                var container = Assert.Single(agent["status"]!["containerStatuses"]!.AsArray())!;
                Assert.True((int)container["restartCount"]! == 0, $"the agent was restarted: {container["lastState"]?.ToJsonString()}");
            }
        }
        finally
        {
            await LimitAsync(was!);
        }

        async Task LimitAsync(string memory)
        {
            await Node.KubectlAsync("set", "resources", "daemonset/node-agent", "-n", RealNode.System, $"--limits=memory={memory}");
            await Node.WaitUntilReadyAsync(RealNode.System);
        }
    }

    /// <summary>A sum over the content of all files of the shop, and their number.</summary>
    private Task<string> SumAsync(Shop shop) => Node.ExecAsync(shop.Namespace, "db", "cd /data && find . -type f | sort | xargs cat | md5sum && find . -type f | wc -l");

    /// <summary>Deletes an agent's pod; returns when its process ended, as the node has it, and after which time the pod was gone.</summary>
    private async Task<(DateTime Ended, TimeSpan Gone)> EndAsync(string agent)
    {
        var began = DateTime.UtcNow;
        await Node.KubectlAsync("delete", "pod", agent, "-n", RealNode.System, "--wait=false");
        DateTime? ended = null;
        while ((await Node.ListAsync(KubernetesResources.Pods, RealNode.System, "name=node-agent")).FirstOrDefault(p => (string?)p["metadata"]!["name"] == agent) is { } pod)
        {
            if ((string?)pod["status"]?["containerStatuses"]?[0]?["state"]?["terminated"]?["finishedAt"] is { } at) ended ??= Parse(at);
            if (DateTime.UtcNow - began > RealNode.Limit) await Node.FailAsync($"the pod {agent} is still there", RealNode.System);
            await Task.Delay(TimeSpan.FromMilliseconds(100), Cancellation);
        }

        return (ended ?? DateTime.UtcNow, DateTime.UtcNow - began);
    }

    private static DateTime Parse(string time) => DateTime.Parse(time, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal);

    /// <summary>Kills the agents, so that they cannot say goodbye; the kubelet starts others in their pods.</summary>
    private async Task KillAgentsAsync()
    {
        foreach (var pod in await Node.ListAsync(KubernetesResources.Pods, RealNode.System, "name=node-agent"))
            await Node.KillContainerAsync(RealNode.System, (string)pod["metadata"]!["name"]!);
    }
}
