using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Sync;

public sealed class UnfinishedBackupTests
{
    [Fact]
    public async Task What_was_left_unfinished_goes_when_it_has_expired_and_nobody_works_on_it()
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        await AddAsync(cluster, "left", "Finalizing", "2020-01-01T00:00:00Z");
        await AddAsync(cluster, "left-partly", "FinalizingPartiallyFailed", "2020-01-01T00:00:00Z");
        await AddAsync(cluster, "fresh", "Finalizing", "2100-01-01T00:00:00Z");
        await AddAsync(cluster, "worked-on", "Finalizing", "2020-01-01T00:00:00Z");
        await File.WriteAllTextAsync(Path.Combine(Folder(cluster, "worked-on"), "nodeagent-claim.json"), """{"uid":"u-worked-on","installation":"another"}""", TestContext.Current.CancellationToken);
        await AddAsync(cluster, "running", "InProgress", "2020-01-01T00:00:00Z");
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"backupSyncPeriod":"100ms"}}""");
        cluster.StartController();
        await ControllerFixture.WaitUntilAsync(() => !Directory.Exists(Folder(cluster, "left")) && !Directory.Exists(Folder(cluster, "left-partly")));
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.Backups).Count == 0);
        foreach (var name in new[] { "fresh", "worked-on", "running" }) Assert.True(File.Exists(Path.Combine(Folder(cluster, name), "velero-backup.json")));
    }

    private static string Folder(ControllerFixture cluster, string backup) => Path.Combine(cluster.LocationPath, "backups", backup);

    private static async Task AddAsync(ControllerFixture cluster, string backup, string phase, string expiration)
    {
        Directory.CreateDirectory(Folder(cluster, backup));
        await File.WriteAllTextAsync(
            Path.Combine(Folder(cluster, backup), "velero-backup.json"),
            $$$"""{"metadata":{"name":"{{{backup}}}","uid":"u-{{{backup}}}"},"spec":{},"status":{"phase":"{{{phase}}}","expiration":"{{{expiration}}}"} }""", TestContext.Current.CancellationToken);
    }
}
