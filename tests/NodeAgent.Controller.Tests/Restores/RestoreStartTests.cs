using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Restores;

/// <summary>What happens to runs between being asked for and being at work.</summary>
public sealed class RestoreStartTests
{
    [Fact]
    public async Task A_restore_by_schedule_whose_controller_dies_before_it_begins_is_begun_by_the_next()
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        await using var way = new SeverableConnection(cluster.Api.Address);
        var time = new HurriedTime();
        using var stop = new CancellationTokenSource();
        var first = new ControllerHost(cluster.Options, way.Config, NullLoggerFactory.Instance, time).RunAsync(stop.Token);
        cluster.AddShop();
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"b","namespace":"velero","labels":{"velero.io/schedule-name":"nightly"}},"spec":{"includedNamespaces":["shop"]}}""");
        await cluster.WaitForEndAsync(VeleroResources.Backups, "b");
        cluster.LoseShop();
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        cluster.Api.Interfere = request =>
        {
            // The first change is carried out, and what comes after it never arrives.
            if (reached.Task.IsCompleted) return (HttpStatusCode.ServiceUnavailable, "Gone");
            if (request.Method == "PATCH" && request.Path == "/apis/velero.io/v1/namespaces/velero/restores/r") reached.TrySetResult();
            return null;
        };
        cluster.Api.Add(VeleroResources.Restores, """{"metadata":{"name":"r","namespace":"velero"},"spec":{"scheduleName":"nightly"}}""");
        await reached.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        time.Hurry();
        await way.CutAsync();
        await stop.CancelAsync();
        await first;
        cluster.Api.Interfere = null;

        cluster.StartController();
        var restore = await cluster.WaitForEndAsync(VeleroResources.Restores, "r");
        Assert.Equal((RestorePhase.Completed, "b"), (restore.Text("status", "phase"), restore.Text("spec", "backupName")));
        Assert.NotNull(cluster.Api.Find(KubernetesResources.Pods, "shop", "web"));
    }

    [Theory]
    [InlineData("my schedule")]
    [InlineData("a=b")]
    [InlineData("!nightly")]
    [InlineData("nightly,weekly")]
    [InlineData("in (a)")]
    public async Task A_schedule_that_can_have_no_such_name_fails_the_validation(string schedule)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var restore = await cluster.RestoreAsync("r", $$"""{"scheduleName":"{{schedule}}"}""");
        Assert.Equal(RestorePhase.FailedValidation, restore.Text("status", "phase"));
        Assert.Equal($"spec.scheduleName: \"{schedule}\" is no valid name of a schedule", Assert.Single(restore["status"]!["validationErrors"]!.AsArray())!.GetValue<string>());
    }

    [Fact]
    public async Task What_the_server_refuses_before_a_restore_begins_is_told_on_the_restore()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Interfere = request => request.Path.StartsWithSegments("/api/v1/namespaces/velero/configmaps") ? (HttpStatusCode.Forbidden, "Forbidden") : null;
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.FailedValidation, restore.Text("status", "phase"));
        Assert.Contains("configmaps", Assert.Single(restore["status"]!["validationErrors"]!.AsArray())!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_server_refuses_before_a_backup_begins_is_told_on_the_backup()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Interfere = request => request.Method == "PATCH" && request.Path == "/apis/velero.io/v1/namespaces/velero/backups/b" ? (HttpStatusCode.UnprocessableEntity, "Invalid") : null;
        var backup = await cluster.BackUpAsync("b");
        Assert.Equal(BackupPhase.FailedValidation, backup.Text("status", "phase"));
        Assert.Contains("backups", Assert.Single(backup["status"]!["validationErrors"]!.AsArray())!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_away_for_a_moment_is_no_refusal()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        var refused = 0;
        cluster.Api.Interfere = request => request.Path.StartsWithSegments("/api/v1/namespaces/velero/configmaps") && Interlocked.Increment(ref refused) == 1 ? (HttpStatusCode.InternalServerError, "InternalError") : null;
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
    }

    [Fact]
    public async Task Requests_and_work_of_another_time_are_not_made_again()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AgentOutcome = null;
        await cluster.BackUpAsync("victim", """{"includedNamespaces":["shop"]}""");
        (ResourceKind Kind, string Json)[] old =
        [
            (VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"old","namespace":"velero"},"spec":{"backupName":"victim"},"status":{"phase":"Processed","errors":["no"]}}"""),
            (VeleroResources.PodVolumeBackups, """{"metadata":{"name":"old","namespace":"velero"},"spec":{"volume":"v"},"status":{"phase":"Completed"}}"""),
            (VeleroResources.PodVolumeRestores, """{"metadata":{"name":"old","namespace":"velero"},"spec":{"volume":"v"},"status":{"phase":"Completed"}}"""),
            (WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"old","namespace":"velero"},"data":{}}"""),
        ];
        foreach (var (kind, json) in old) cluster.Api.Add(kind, json);
        await cluster.BackUpAsync("b", """{"includedNamespaces":["velero"],"includedResources":["deletebackuprequests.velero.io","podvolumebackups.velero.io","podvolumerestores.velero.io","configmaps"]}""");
        foreach (var (kind, _) in old) cluster.Api.Remove(kind, "velero", "old");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.Equal([WellKnownTestKinds.ConfigMaps], old.Select(o => o.Kind).Where(k => cluster.Api.Find(k, "velero", "old") is not null));
        Assert.NotNull(cluster.Api.Find(VeleroResources.Backups, "velero", "victim"));
    }

    [Theory]
    [InlineData("app=other", 1)]
    [InlineData("app in (web, other)", 0)]
    public async Task A_claim_whose_files_come_with_a_pod_that_is_not_restored_is_named_as_empty(string which, int warnings)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.AddShop();
        cluster.Api.Add(KubernetesResources.Pods, """
            {"metadata":{"name":"other","namespace":"shop","labels":{"app":"other"}},
             "spec":{"nodeName":"n1","containers":[{"name":"c","image":"i","volumeMounts":[{"name":"data","mountPath":"/d"}]}],"volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"data"}}]},"status":{"phase":"Running"}}
            """);
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        var selector = which == "app=other" ? """{"matchLabels":{"app":"other"}}""" : """{"matchExpressions":[{"key":"app","operator":"In","values":["web","other"]}]}""";
        var restore = await cluster.RestoreAsync("r", $$"""{"backupName":"b","labelSelector":{{selector}} }""");
        Assert.Equal((RestorePhase.Completed, (long)warnings), (restore.Text("status", "phase"), restore.Number("status", "warnings")));
        Assert.NotNull(cluster.Api.Find(KubernetesResources.PersistentVolumeClaims, "shop", "data"));
        var results = BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-results.gz");
        Assert.Equal(warnings == 1, results.Contains("persistentvolumeclaims shop/data is new and empty: its files are in the backup and come back with pod web, which this restore did not make", StringComparison.Ordinal));
    }
}
