using Microsoft.AspNetCore.Http;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Work;

/// <summary>An object that was read before its run ended, and comes to hand after it.</summary>
public sealed class LateAnswerTests
{
    [Theory]
    [InlineData("backups")]
    [InlineData("restores")]
    public async Task What_ends_while_its_object_is_read_stays_as_it_ended(string type)
    {
        // So long that nothing but the reconciler asks for the object.
        await using var cluster = await ControllerFixture.StartAsync(o => o with { PollInterval = TimeSpan.FromSeconds(3) });
        cluster.AddShop();
        var kind = type == "backups" ? VeleroResources.Backups : VeleroResources.Restores;
        if (kind == VeleroResources.Restores)
        {
            await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
            cluster.LoseShop();
        }

        cluster.AgentOutcome = null;
        var volumes = type == "backups" ? VeleroResources.PodVolumeBackups : VeleroResources.PodVolumeRestores;
        cluster.Api.Add(kind, $$"""{"metadata":{"name":"x","namespace":"velero"},"spec":{{(type == "backups" ? """{"includedNamespaces":["shop"]}""" : """{"backupName":"b"}""")}} }""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(volumes).Count > 0);

        var (held, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        var first = 1;
        cluster.Api.Delay = request =>
            HttpMethods.IsGet(request.Method) && request.Path.Value!.EndsWith($"/{type}/x", StringComparison.Ordinal) && Interlocked.Exchange(ref first, 0) == 1 ? HoldAsync() : Task.CompletedTask;
        // Looked at because it changes, while its volume is at work.
        cluster.Api.Patch(kind, "velero", "x", """{"metadata":{"annotations":{"touched":"yes"}}}""");
        await held.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        cluster.AgentOutcome = PodVolumePhase.Completed;
        var ended = await cluster.WaitForEndAsync(kind, "x");
        Assert.Equal(BackupPhase.Completed, ended.Text("status", "phase"));
        var files = type == "backups" ? "backups/x/velero-backup.json" : "restores/x/restore-x-logs.gz";
        await ControllerFixture.WaitUntilAsync(() => File.Exists(Path.Combine(cluster.LocationPath, files)));
        // The run has let go of everything by the time that another one is carried out.
        release.SetResult();
        cluster.Api.Add(kind, $$"""{"metadata":{"name":"y","namespace":"velero"},"spec":{{(type == "backups" ? """{"includedNamespaces":["shop"]}""" : """{"backupName":"b"}""")}} }""");
        await cluster.WaitForEndAsync(kind, "y");
        Assert.Equal(BackupPhase.Completed, cluster.Api.Find(kind, "velero", "x").Text("status", "phase"));

        Task HoldAsync()
        {
            held.SetResult();
            return release.Task;
        }
    }
}
