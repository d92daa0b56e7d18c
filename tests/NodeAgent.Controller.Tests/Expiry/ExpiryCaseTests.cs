using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Expiry;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Expiry;

/// <summary>When the time of a backup is over, and what then happens to it.</summary>
public sealed class ExpiryCaseTests
{
    private static readonly DateTimeOffset Noon = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(null, null)]
    [InlineData("soon", null)]
    [InlineData("2026-05-01T11:59:59Z", null)]
    [InlineData("2026-05-01T12:00:00Z", null)]
    [InlineData("2026-05-01T12:00:01Z", "00:00:01")]
    [InlineData("2026-05-01T12:59:00Z", "00:59:00")]
    [InlineData("2026-05-09T12:00:00Z", "01:00:00")]
    public void A_backup_is_looked_at_again_when_its_time_is_over_and_each_hour_before(string? expiration, string? wait)
    {
        var expiry = new BackupExpiry(null!, null!, new ControllerOptions(), new SetTime(Noon));
        var backup = new JsonObject { ["status"] = new JsonObject { ["expiration"] = expiration } };
        Assert.Equal(wait, expiry.UntilNextLook(backup)?.ToString("c"));
    }

    [Theory]
    [InlineData("gone", "BSLNotFound")]
    [InlineData("away", "BSLUnavailable")]
    [InlineData("read-only", "BSLReadOnly")]
    public async Task A_backup_that_cannot_be_deleted_says_why_and_is_deleted_once_it_can_be(string location, string label)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Available);
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        var before = cluster.Api.Find(VeleroResources.BackupStorageLocations, "velero", "default")!.ToJsonString();
        if (location == "gone") cluster.Api.Remove(VeleroResources.BackupStorageLocations, "velero", "default");
        if (location == "read-only") cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"accessMode":"ReadOnly"}}""");
        if (location == "away")
        {
            cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"config":{"path":"/nonexistent-for-sure"}}}""");
            await cluster.WaitForPhaseAsync(VeleroResources.BackupStorageLocations, "default", LocationPhase.Unavailable);
        }

        cluster.Api.Patch(VeleroResources.Backups, "velero", "b", """{"status":{"expiration":"2026-01-01T00:00:00Z"}}""");
        await cluster.WaitAsync(VeleroResources.Backups, "b", b => b.Label(VeleroLabels.GcFailure) == label);
        Assert.Empty(cluster.Api.All(VeleroResources.DeleteBackupRequests));
        Assert.True(File.Exists(Path.Combine(cluster.LocationPath, "backups/b/velero-backup.json")));

        cluster.Api.Remove(VeleroResources.BackupStorageLocations, "velero", "default");
        cluster.Api.Add(VeleroResources.BackupStorageLocations, before);
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", "b") is null && !Directory.Exists(Path.Combine(cluster.LocationPath, "backups/b")));
    }

    [Fact]
    public async Task A_deletion_that_failed_is_not_asked_for_again_while_its_request_stands()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        foreach (var name in new[] { "b", "c" }) await cluster.BackUpAsync(name, """{"includedNamespaces":["shop"]}""");
        cluster.Api.Add(VeleroResources.DeleteBackupRequests, """{"metadata":{"name":"failed","namespace":"velero"},"spec":{"backupName":"b"},"status":{"phase":"Processed","errors":["no"]}}""");
        foreach (var name in new[] { "b", "c" }) cluster.Api.Patch(VeleroResources.Backups, "velero", name, """{"status":{"expiration":"2026-01-01T00:00:00Z"}}""");
        // The other one is dealt with in the same way and has no request.
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", "c") is null);
        Assert.Equal("failed", Assert.Single(cluster.Api.All(VeleroResources.DeleteBackupRequests), r => r.Text("spec", "backupName") == "b").Name());
        Assert.Equal(BackupPhase.Completed, cluster.Api.Find(VeleroResources.Backups, "velero", "b").Text("status", "phase"));
    }
}
