using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Work;

public sealed class LostAgentTests
{
    private const string Gone = "the agent of node n1 is gone";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_backup_does_not_wait_for_an_agent_that_died(bool hasHeartbeat)
    {
        await using var cluster = await StartAsync();
        // A node that dies leaves the agent's pod behind, running as far as its phase tells.
        if (hasHeartbeat) cluster.Api.Add(KubernetesResources.Leases, """{"metadata":{"name":"nodeagent-n1","namespace":"velero"},"spec":{"holderIdentity":"n1","renewTime":"2020-01-01T00:00:00Z"}}""");
        cluster.AddShop();
        cluster.Api.Add(VeleroResources.PodVolumeBackups, """{"metadata":{"name":"by-hand","namespace":"velero"},"spec":{"node":"nowhere","volume":"v"},"status":{"phase":"InProgress"}}""");
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"b","namespace":"velero"},"spec":{"includedNamespaces":["shop"]}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.PodVolumeBackups).Count == 2);
        if (!hasHeartbeat) cluster.Api.Patch(KubernetesResources.Pods, "velero", "agent-n1", """{"status":{"conditions":[{"type":"Ready","status":"False"}]}}""");
        var backup = await cluster.WaitForEndAsync(VeleroResources.Backups, "b");
        Assert.Equal(BackupPhase.PartiallyFailed, backup.Text("status", "phase"));
        var volume = Assert.Single(cluster.Api.All(VeleroResources.PodVolumeBackups), v => v.Name() != "by-hand");
        Assert.Equal(PodVolumePhase.Failed, volume.Text("status", "phase"));
        Assert.Contains(Gone, volume.Text("status", "message"), StringComparison.Ordinal);
        Assert.NotNull(volume.Text("status", "completionTimestamp"));
        Assert.Contains(Gone, BackupContents.ReadGzip(cluster.Bucket, "backups/b/b-results.gz"), StringComparison.Ordinal);
        // What others asked for is theirs, whatever node it names.
        Assert.Equal("InProgress", cluster.Api.Find(VeleroResources.PodVolumeBackups, "velero", "by-hand").Text("status", "phase"));
    }

    [Fact]
    public async Task A_restore_does_not_wait_for_an_agent_that_died()
    {
        await using var cluster = await StartAsync();
        cluster.AgentOutcome = PodVolumePhase.Completed;
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.AgentOutcome = null;
        cluster.Api.Add(KubernetesResources.Leases, """{"metadata":{"name":"nodeagent-n1","namespace":"velero"},"spec":{"holderIdentity":"n1","renewTime":"2020-01-01T00:00:00Z"}}""");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        var volume = Assert.Single(cluster.Api.All(VeleroResources.PodVolumeRestores));
        Assert.Equal(PodVolumePhase.Failed, volume.Text("status", "phase"));
        Assert.Contains(Gone, volume.Text("status", "message"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_restore_does_not_wait_for_a_pod_that_is_deleted_before_an_agent_took_it_up(bool isReplaced)
    {
        await using var cluster = await StartAsync();
        cluster.AgentOutcome = PodVolumePhase.Completed;
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        cluster.AgentOutcome = null;
        var looks = 0;
        cluster.Api.Interfere = request =>
        {
            // Once the pod was found on a node that has an agent, nobody asks for it but who waits for the volumes.
            if (request.Method != "GET" || request.Path != "/apis/velero.io/v1/namespaces/velero/podvolumerestores" || request.Query["watch"] == "true" || Interlocked.Increment(ref looks) != 3) return null;
            cluster.Api.Remove(KubernetesResources.Pods, "shop", "web");
            if (isReplaced) cluster.Api.Add(KubernetesResources.Pods, """{"metadata":{"name":"web","namespace":"shop"},"spec":{}}""");
            return null;
        };
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        var volume = Assert.Single(cluster.Api.All(VeleroResources.PodVolumeRestores));
        Assert.Equal((PodVolumePhase.Failed, "the pod was deleted before its volumes were restored"), (volume.Text("status", "phase"), volume.Text("status", "message")));
    }

    [Fact]
    public async Task An_agent_that_lives_is_waited_for_however_long_it_takes()
    {
        await using var cluster = await StartAsync();
        cluster.Api.Add(KubernetesResources.Leases, """{"metadata":{"name":"nodeagent-n1","namespace":"velero"},"spec":{"holderIdentity":"n1","renewTime":"2020-01-01T00:00:00Z"}}""");
        cluster.AddShop();
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"b","namespace":"velero"},"spec":{"includedNamespaces":["shop"]}}""");
        // Three times as long as a dead one is given.
        for (var i = 0; i < 60; i++)
        {
            cluster.Api.Patch(KubernetesResources.Leases, "velero", "nodeagent-n1", $$$"""{"spec":{"renewTime":"2020-01-01T00:00:{{{i:00}}}Z"} }""");
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }

        cluster.AgentOutcome = PodVolumePhase.Completed;
        Assert.Equal(BackupPhase.Completed, (await cluster.WaitForEndAsync(VeleroResources.Backups, "b")).Text("status", "phase"));
    }

    [Theory]
    [InlineData(600, BackupPhase.Completed)]
    [InlineData(4, BackupPhase.PartiallyFailed)]
    public async Task An_agent_that_is_being_replaced_is_waited_for_and_not_for_ever(int resourceTimeout, string end)
    {
        await using var cluster = await StartAsync(TimeSpan.FromSeconds(resourceTimeout));
        cluster.AddShop();
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"b","namespace":"velero"},"spec":{"includedNamespaces":["shop"]}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.PodVolumeBackups).Count == 1);
        // The old one has given its lease back, and the image of the next is being pulled.
        cluster.Api.Add(KubernetesResources.Leases, """{"metadata":{"name":"nodeagent-n1","namespace":"velero"},"spec":{"holderIdentity":"","renewTime":"2020-01-01T00:00:00Z"}}""");
        cluster.Api.Patch(KubernetesResources.Pods, "velero", "agent-n1", """{"status":{"phase":"Pending"}}""");
        if (end == BackupPhase.Completed)
        {
            await Task.Delay(TimeSpan.FromSeconds(4), TestContext.Current.CancellationToken);
            cluster.AgentOutcome = PodVolumePhase.Completed;
        }

        Assert.Equal(end, (await cluster.WaitForEndAsync(VeleroResources.Backups, "b")).Text("status", "phase"));
        var message = cluster.Api.All(VeleroResources.PodVolumeBackups)[0].Text("status", "message") ?? "";
        Assert.Equal(end == BackupPhase.PartiallyFailed, message.Contains($"{Gone} since 4s", StringComparison.Ordinal));
    }

    private static async Task<ControllerFixture> StartAsync(TimeSpan? resourceTimeout = null)
    {
        var cluster = await ControllerFixture.StartAsync(o => o with { HeartbeatTimeout = TimeSpan.FromSeconds(1), ResourceTimeout = resourceTimeout ?? o.ResourceTimeout });
        cluster.AgentOutcome = null;
        return cluster;
    }
}
