using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Leadership;
using NodeAgent.Controller.Tests.Harness;

namespace NodeAgent.Controller.Tests.Leadership;

public sealed class LeaderLeaseTests
{
    [Fact]
    public async Task A_second_replica_works_only_after_the_first_has_handed_the_lease_back()
    {
        await using var api = await TestApiServer.StartAsync();
        api.Add(WellKnown.Namespaces, """{"metadata":{"name":"velero"}}""");
        using var http = api.NewClient();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        stop.CancelAfter(TimeSpan.FromSeconds(20));
        using var endFirst = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
        var working = 0;
        var most = 0;
        var firstStarted = new TaskCompletionSource();
        var secondStarted = new TaskCompletionSource();
        async Task Work(TaskCompletionSource started, CancellationToken cancellation)
        {
            most = Math.Max(most, Interlocked.Increment(ref working));
            started.SetResult();
            await Task.Delay(Timeout.Infinite, cancellation).ContinueWith(static _ => { }, TaskScheduler.Default);
            Interlocked.Decrement(ref working);
        }

        LeaderLease Lease(string identity) => new(new ClusterClient(http), "velero", identity, TimeProvider.System, NullLogger.Instance);
        var first = Lease("a").RunAsync(token => Work(firstStarted, token), endFirst.Token);
        await firstStarted.Task.WaitAsync(stop.Token);
        var second = Lease("b").RunAsync(token => Work(secondStarted, token), stop.Token);
        Assert.False(secondStarted.Task.IsCompleted);
        await endFirst.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        await secondStarted.Task.WaitAsync(stop.Token);
        Assert.Equal("b", api.Find(WellKnown.Leases, "velero", LeaderLease.Name).Text("spec", "holderIdentity"));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        Assert.Equal(1, most);
        Assert.Equal("", api.Find(WellKnown.Leases, "velero", LeaderLease.Name).Text("spec", "holderIdentity"));
    }
}
