using System.Globalization;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Deletion;

/// <summary>Requests for deletions that cannot be carried out, and how long requests are kept.</summary>
public sealed class DeletionCaseTests
{
    [Theory]
    [InlineData("gone", "backup storage location \"default\" does not exist")]
    [InlineData("read-only", "backup storage location \"default\" is read-only")]
    [InlineData("away", "backup storage location \"default\" is unavailable: ")]
    public async Task A_backup_whose_location_cannot_be_used_is_not_deleted_and_the_request_says_why(string location, string message)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        if (location == "gone") cluster.Api.Remove(VeleroResources.BackupStorageLocations, "velero", "default");
        if (location == "read-only") cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"accessMode":"ReadOnly"}}""");
        if (location == "away")
        {
            cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"config":{"path":"/nonexistent-for-sure"}}}""");
            await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Unavailable);
        }

        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"d","namespace":"velero"},"spec":{"backupName":"b"}}""");
        var request = await cluster.WaitForPhaseAsync(VeleroResources.DeleteBackupRequests, "d", DeleteBackupRequestPhase.Processed);
        Assert.StartsWith(message, Assert.Single(request["status"]!["errors"]!.AsArray())!.GetValue<string>(), StringComparison.Ordinal);
        // Nothing of it was touched.
        Assert.Equal(BackupPhase.Completed, cluster.Api.Find(VeleroResources.Backups, "velero", "b").Text("status", "phase"));
        Assert.True(File.Exists(Path.Combine(cluster.LocationPath, "backups/b/velero-backup.json")));
    }

    [Fact]
    public async Task Requests_that_were_carried_out_are_kept_for_a_day()
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        Add("old", 25, "Processed");
        Add("young", 23, "Processed");
        // However old, it was never looked at.
        Add("waiting", 25, "New");
        cluster.StartController();
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.DeleteBackupRequests, "velero", "old") is null);
        Assert.NotNull(cluster.Api.Find(VeleroResources.DeleteBackupRequests, "velero", "young"));
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.DeleteBackupRequests, "velero", "waiting") is null);
        // It was answered before it went, as the oldest of its kind do.
        Assert.Contains("PATCH /apis/velero.io/v1/namespaces/velero/deletebackuprequests/waiting/status", cluster.Api.Writes);

        void Add(string name, int hours, string phase) => cluster.Api.Add(VeleroResources.DeleteBackupRequests, $$$"""
            {"metadata":{"name":"{{{name}}}","namespace":"velero","creationTimestamp":"{{{DateTimeOffset.UtcNow.AddHours(-hours).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture)}}}"},"spec":{"backupName":"{{{name}}}"},"status":{"phase":"{{{phase}}}"} }
            """);
    }

    [Fact]
    public async Task Of_several_requests_for_a_backup_one_is_carried_out_and_none_is_left()
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        cluster.StartController();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        await cluster.BackUpAsync("c", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"other","namespace":"velero"},"spec":{"backupName":"none"},"status":{"phase":"Processed","errors":["x"]}}""");
        foreach (var name in new[] { "one", "two", "three" }) cluster.Api.Add(VeleroResources.DeleteBackupRequests, $$"""{"metadata":{"name":"{{name}}","namespace":"velero"},"spec":{"backupName":"b"} }""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", "b") is null);
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.All(VeleroResources.DeleteBackupRequests).All(r => r.Text("spec", "backupName") != "b" || r.Text("status", "phase") == DeleteBackupRequestPhase.Processed));
        Assert.NotNull(cluster.Api.Find(VeleroResources.Backups, "velero", "c"));
        Assert.NotNull(cluster.Api.Find(VeleroResources.DeleteBackupRequests, "velero", "other"));
    }
}
