using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Sync;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Controller.Work;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.RestoreOnly;

/// <summary>A server that only restores takes in what another stored and changes nothing of it.</summary>
public sealed class RestoreOnlyTests
{
    [Fact]
    public async Task A_server_that_only_restores_restores_and_refuses_backups_schedules_and_deletions()
    {
        await using var writer = await ControllerFixture.StartAsync();
        writer.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"settings","namespace":"shop"}}""");
        await writer.BackUpAsync("stored", """{"includedNamespaces":["shop"]}""");
        await using var cluster = await StartAsync(writer.LocationPath);
        await cluster.WaitForEndAsync(VeleroResources.Backups, "stored");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"stored"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        Assert.NotNull(cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", "settings"));

        var backup = await cluster.BackUpAsync("new");
        Assert.Equal(BackupPhase.FailedValidation, backup.Text("status", "phase"));
        Assert.Contains("only restores (--restore-only)", backup["status"]!["validationErrors"]!.ToJsonString(), StringComparison.Ordinal);
        cluster.Api.Add(VeleroResources.Schedules, """{"metadata":{"name":"daily","namespace":"velero","creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"schedule":"@daily","template":{}}}""");
        var schedule = await cluster.WaitForPhaseAsync(VeleroResources.Schedules, "daily", SchedulePhase.FailedValidation);
        Assert.Contains("only restores", schedule["status"]!["validationErrors"]!.ToJsonString(), StringComparison.Ordinal);
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"stored"}}""");
        var request = await cluster.WaitForPhaseAsync(VeleroResources.DeleteBackupRequests, "d", DeleteBackupRequestPhase.Processed);
        Assert.Contains("only restores", request["status"]!["errors"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(writer.LocationPath, "backups/stored/velero-backup.json")));
        Assert.DoesNotContain(cluster.Api.All(VeleroResources.Backups), b => b.Name().StartsWith("daily-", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Neither_an_expiry_nor_a_sync_nor_maintenance_removes_anything()
    {
        await using var writer = await ControllerFixture.StartAsync();
        await writer.BackUpAsync("old", """{"includedNamespaces":["shop"]}""");
        await using var cluster = await StartAsync(writer.LocationPath);
        await cluster.WaitForEndAsync(VeleroResources.Backups, "old");
        cluster.Api.Patch(VeleroResources.Backups, "velero", "old", """{"status":{"expiration":"2026-01-01T00:00:00Z"}}""");
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"without-files","namespace":"velero"},"spec":{"storageLocation":"default"},"status":{"phase":"Completed"}}""");
        // What the next synchronisation brings in comes after it has dealt with what was there before.
        await writer.BackUpAsync("next", """{"includedNamespaces":["shop"]}""");
        await cluster.WaitForEndAsync(VeleroResources.Backups, "next");
        await writer.BackUpAsync("last", """{"includedNamespaces":["shop"]}""");
        await cluster.WaitForEndAsync(VeleroResources.Backups, "last");
        Assert.Equal(["last", "next", "old", "without-files"], cluster.Api.All(VeleroResources.Backups).Select(b => b.Name()).Order(StringComparer.Ordinal));
        Assert.Null(cluster.Api.Find(VeleroResources.Backups, "velero", "old")!.Label(VeleroLabels.GcFailure));
        Assert.Empty(cluster.Api.All(VeleroResources.DeleteBackupRequests));
        var repository = await cluster.WaitForPhaseAsync(VeleroResources.BackupRepositories, "default-nodeagent", BackupRepositoryPhase.Ready);
        Assert.Equal(StorageLocations.RestoreOnlyReason, repository.Text("status", "message"));
    }

    [Fact]
    public async Task Parts_of_the_work_can_be_left_out()
    {
        await using var writer = await ControllerFixture.StartAsync();
        await writer.BackUpAsync("old", """{"includedNamespaces":["shop"]}""");
        await using var cluster = await StartAsync(writer.LocationPath, options => options with { RestoreOnly = false, DisabledControllers = [ControllerNames.Backup, ControllerNames.Expiry, ControllerNames.Schedule, ControllerNames.DownloadRequest] });
        await cluster.WaitForEndAsync(VeleroResources.Backups, "old");
        cluster.Api.Patch(VeleroResources.Backups, "velero", "old", """{"status":{"expiration":"2026-01-01T00:00:00Z"}}""");
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"new","namespace":"velero"},"spec":{}}""");
        cluster.Api.Add(VeleroResources.Schedules, """{"metadata":{"name":"daily","namespace":"velero","creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"schedule":"@daily","template":{}}}""");
        cluster.Api.Add(VeleroResources.DownloadRequests, """{"metadata":{"name":"q","namespace":"velero"},"spec":{"target":{"kind":"BackupLog","name":"old"}}}""");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"old"}""");
        Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
        cluster.Api.Add(VeleroResources.ServerStatusRequests, """{"metadata":{"name":"q","namespace":"velero"},"spec":{}}""");
        await cluster.WaitForPhaseAsync(VeleroResources.ServerStatusRequests, "q", ServerStatusRequestPhase.Processed);
        Assert.Null(cluster.Api.Find(VeleroResources.Backups, "velero", "new").Text("status", "phase"));
        Assert.Null(cluster.Api.Find(VeleroResources.Schedules, "velero", "daily").Text("status", "phase"));
        Assert.Null(cluster.Api.Find(VeleroResources.DownloadRequests, "velero", "q").Text("status", "phase"));
        Assert.Empty(cluster.Api.All(VeleroResources.DeleteBackupRequests));
    }

    [Fact]
    public void A_part_that_is_not_known_is_refused_with_those_that_are()
    {
        var error = Assert.Single(new ControllerOptions { DisabledControllers = ["backup", "backups"] }.Validate());
        Assert.StartsWith("disable-controllers: \"backups\" is no controller; known are backup, ", error, StringComparison.Ordinal);
    }

    /// <summary>Another cluster, on the location of the first.</summary>
    private static async Task<ControllerFixture> StartAsync(string location, Func<ControllerOptions, ControllerOptions>? configure = null)
    {
        var cluster = await ControllerFixture.StartAsync(
            options => (configure ?? (o => o))(options with { RestoreOnly = true, BackupSyncPeriod = TimeSpan.FromMilliseconds(100), StoreValidationFrequency = TimeSpan.FromMilliseconds(200) }), start: false);
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", $$$"""{"spec":{"config":{"path":"{{{location}}}"} } }""");
        cluster.StartController();
        return cluster;
    }
}
