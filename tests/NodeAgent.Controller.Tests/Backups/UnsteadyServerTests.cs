using System.Collections.Concurrent;
using System.Net;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Backups;

/// <summary>Backups over an API server that answers as servers do on a bad day.</summary>
public sealed class UnsteadyServerTests
{
    [Theory]
    [InlineData("PATCH", HttpStatusCode.Conflict, "Conflict", 2)]
    [InlineData("POST", HttpStatusCode.Conflict, "AlreadyExists", 2)]
    [InlineData("PATCH", HttpStatusCode.TooManyRequests, "TooManyRequests", 2)]
    [InlineData("POST", HttpStatusCode.TooManyRequests, "TooManyRequests", 2)]
    [InlineData("PATCH", HttpStatusCode.InternalServerError, "InternalError", 1)]
    [InlineData("GET", HttpStatusCode.ServiceUnavailable, "ServiceUnavailable", 2)]
    public async Task Each_request_that_is_refused_a_few_times_is_made_again_and_nothing_is_missing(string method, HttpStatusCode status, string reason, int times)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        var refused = new ConcurrentDictionary<string, int>();
        cluster.Api.Interfere = request =>
        {
            if (request.Method != method || request.Query["watch"] == "true") return null;
            return refused.AddOrUpdate(request.Path.Value!, 1, (_, count) => count + 1) <= times ? (status, reason) : null;
        };
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        Assert.Equal((BackupPhase.Completed, 0L, 0L), (backup.Text("status", "phase"), backup.Number("status", "errors"), backup.Number("status", "warnings")));
        Assert.Single(cluster.Api.All(VeleroResources.PodVolumeBackups));
        Assert.Contains(refused, r => r.Value > times);
    }

    [Fact]
    public async Task Watches_that_are_dropped_or_too_old_again_and_again_hold_up_nothing()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        var watches = 0;
        // Every other watch asks for a version that is forgotten, so that it is listed anew.
        cluster.Api.Interfere = request => request.Query["watch"] == "true" && Interlocked.Increment(ref watches) % 2 == 0 ? (HttpStatusCode.Gone, "Expired") : null;
        using var stop = new CancellationTokenSource();
        var breaking = BreakAsync(cluster, stop.Token);
        for (var i = 0; i < 3; i++)
        {
            var backup = await cluster.BackUpAsync($"b{i}", """{"includedNamespaces":["shop"]}""");
            Assert.Equal(BackupPhase.Completed, backup.Text("status", "phase"));
        }

        await stop.CancelAsync();
        await breaking;
        Assert.Equal(3, cluster.Api.All(VeleroResources.PodVolumeBackups).Count);
    }

    [Theory]
    [InlineData("PATCH", HttpStatusCode.Conflict, "Conflict", 2)]
    [InlineData("POST", HttpStatusCode.TooManyRequests, "TooManyRequests", 2)]
    [InlineData("PATCH", HttpStatusCode.TooManyRequests, "TooManyRequests", 2)]
    [InlineData("PATCH", HttpStatusCode.InternalServerError, "InternalError", 1)]
    [InlineData("GET", HttpStatusCode.ServiceUnavailable, "ServiceUnavailable", 2)]
    public async Task Each_request_of_a_restore_that_is_refused_a_few_times_is_made_again_and_nothing_is_missing(string method, HttpStatusCode status, string reason, int times)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"settings","namespace":"shop"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        var refused = new ConcurrentDictionary<string, int>();
        cluster.Api.Interfere = request =>
        {
            if (request.Method != method || request.Query["watch"] == "true") return null;
            return refused.AddOrUpdate(request.Path.Value!, 1, (_, count) => count + 1) <= times ? (status, reason) : null;
        };
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal((RestorePhase.Completed, 0L, 0L), (restore.Text("status", "phase"), restore.Number("status", "errors"), restore.Number("status", "warnings")));
        Assert.NotNull(cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", "settings"));
        Assert.Equal(PodVolumePhase.Completed, Assert.Single(cluster.Api.All(VeleroResources.PodVolumeRestores)).Text("status", "phase"));
        Assert.Contains(refused, r => r.Value > times);
    }

    private static async Task BreakAsync(ControllerFixture cluster, CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            cluster.Api.BreakWatches();
            await Task.Delay(100, cancellation).ContinueWith(static _ => { }, TaskScheduler.Default);
        }
    }
}
