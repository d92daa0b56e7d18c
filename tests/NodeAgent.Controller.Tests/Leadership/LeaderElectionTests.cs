using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Leadership;

public sealed class LeaderElectionTests
{
    private const string Lease = "controller.nodeagent.io";

    [Fact]
    public async Task A_second_replica_works_only_after_the_first_has_handed_the_lease_back()
    {
        await using var cluster = await ControllerFixture.StartAsync(o => o with { LeaderElection = true }, start: false);
        string Holder() => cluster.Api.Find(KubernetesResources.Leases, ControllerFixture.Ns, Lease).Text("spec", "holderIdentity") ?? "";
        Task Replica(CancellationToken cancellation) =>
            new ControllerHost(cluster.Options, cluster.Api.Config, NullLoggerFactory.Instance, TimeProvider.System).RunAsync(cancellation);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        using var stopFirst = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);

        var first = Replica(stopFirst.Token);
        await cluster.BackUpAsync("by-the-first");
        var holder = Holder();
        Assert.NotEqual("", holder);
        var second = Replica(stop.Token);
        await cluster.BackUpAsync("by-the-first-still");
        Assert.Equal(holder, Holder());

        await stopFirst.CancelAsync();
        await first;
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"by-the-second","namespace":"velero"},"spec":{}}""");
        await cluster.WaitForEndAsync(VeleroResources.Backups, "by-the-second");
        Assert.NotEqual("", Holder());
        Assert.NotEqual(holder, Holder());
        await stop.CancelAsync();
        await second;
        Assert.Equal("", Holder());
    }

    [Fact]
    public async Task A_leader_that_cannot_reach_the_server_for_long_is_elected_again_when_it_can()
    {
        var lease = TimeSpan.FromSeconds(3);
        await using var cluster = await ControllerFixture.StartAsync(o => o with { LeaderElection = true, LeaseDuration = lease }, start: false);
        await using var connection = new SeverableConnection(cluster.Api.Address);
        string Acquired() => cluster.Api.Find(KubernetesResources.Leases, ControllerFixture.Ns, Lease).Text("spec", "acquireTime") ?? "";
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var controller = new ControllerHost(cluster.Options, connection.Config, NullLoggerFactory.Instance, TimeProvider.System).RunAsync(stop.Token);
        await cluster.BackUpAsync("before");
        var first = Acquired();
        Assert.NotEqual("", first);

        await connection.CutAsync();
        // The deadline of the lease is reckoned by the same clock, so that load can only make this wait longer.
        await Task.Delay(lease * 2, TestContext.Current.CancellationToken);
        Assert.False(controller.IsCompleted, $"{controller.Exception}");
        connection.Mend();
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"after","namespace":"velero"},"spec":{}}""");
        Assert.Equal(BackupPhase.Completed, (await cluster.WaitForEndAsync(VeleroResources.Backups, "after")).Text("status", "phase"));
        Assert.NotEqual(first, Acquired());
        await stop.CancelAsync();
        await controller;
    }
}
