using System.Net;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Sync;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Sync;

/// <summary>Backups in a location that the cluster does not take, and objects that only look as if they came from there.</summary>
public sealed class RefusedBackupTests
{
    private const string Often = """{"spec":{"backupSyncPeriod":"100ms"}}""";

    [Theory]
    [InlineData("/apis/velero.io/v1/namespaces/velero/backups/bad/status", false)]
    [InlineData("/apis/velero.io/v1/namespaces/velero/backups/bad/status", true)]
    public async Task A_backup_whose_status_does_not_fit_keeps_no_other_out(string path, bool isHalfThere)
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        cluster.Api.Interfere = request => request.Path == path ? (HttpStatusCode.UnprocessableEntity, "Invalid") : null;
        // The one between is met between the others.
        foreach (var name in new[] { "a", "bad", "c" })
        {
            var folder = Directory.CreateDirectory(Path.Combine(cluster.LocationPath, "backups", name));
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "velero-backup.json"), $$"""{"metadata":{"name":"{{name}}","uid":"u-{{name}}"},"spec":{},"status":{"phase":"Completed","errors":"3"} }""", TestContext.Current.CancellationToken);
        }

        // What a controller left that ended at that very point.
        if (isHalfThere) cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"bad","namespace":"velero","annotations":{"nodeagent.io/synced-from":"default"}},"spec":{"storageLocation":"default"}}""");
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", Often);
        cluster.StartController();
        foreach (var name in new[] { "a", "c" }) await cluster.WaitForEndAsync(VeleroResources.Backups, name);
        await cluster.WaitAsync(VeleroResources.BackupStorageLocations, "default", l => l.Text("status", "lastSyncedTime") is not null);
        Assert.Null(cluster.Api.Find(VeleroResources.Backups, "velero", "bad"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_new_backup_made_of_the_YAML_of_one_that_was_found_runs(bool namesSource)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        var source = namesSource ? ""","nodeagent.io/source-uid":"u","nodeagent.io/source-name":"old" """ : "";
        cluster.Api.Add(VeleroResources.Backups, $$$"""
            {"metadata":{"name":"copy","namespace":"velero","annotations":{"nodeagent.io/synced-from":"default"{{{source}}}}},"spec":{"storageLocation":"default","includedNamespaces":["shop"]} }
            """);
        var copy = await cluster.WaitForEndAsync(VeleroResources.Backups, "copy");
        Assert.Equal(BackupPhase.Completed, copy.Text("status", "phase"));
        Assert.Null(copy.Annotation(BackupSync.SyncedFrom));
        Assert.Null(copy.Annotation(BackupSync.SourceUid));
    }

    [Fact]
    public async Task A_backup_that_was_found_and_is_gone_before_its_status_was_written_goes_too()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(VeleroResources.Backups, """
            {"metadata":{"name":"half","namespace":"velero","annotations":{"nodeagent.io/synced-from":"default","nodeagent.io/source-uid":"u","nodeagent.io/source-name":"half"}},"spec":{"storageLocation":"default"}}
            """);
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.Backups).Count == 0);
        Assert.False(Directory.Exists(Path.Combine(cluster.LocationPath, "backups/half")));
    }
}
