using System.Globalization;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Expiry;

public sealed class ExpiryTests
{
    [Fact]
    public async Task A_backup_whose_time_is_over_is_deleted_with_its_files()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.BackUpAsync("keep", """{"includedNamespaces":["shop"]}""");
        var backup = await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"],"ttl":"90m"}""");
        var started = DateTimeOffset.Parse(backup.Text("status", "startTimestamp")!, CultureInfo.InvariantCulture);
        Assert.Equal(started.AddMinutes(90), DateTimeOffset.Parse(backup.Text("status", "expiration")!, CultureInfo.InvariantCulture));
        Assert.True(Directory.Exists(Path.Combine(cluster.LocationPath, "backups/b")));

        cluster.Api.Patch(VeleroResources.Backups, "velero", "b", """{"status":{"expiration":"2026-01-01T00:00:00Z"}}""");
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", "b") is null);
        Assert.Equal("keep", Assert.Single(cluster.Api.All(VeleroResources.Backups)).Name());
        Assert.False(Directory.Exists(Path.Combine(cluster.LocationPath, "backups/b")));
    }

    [Fact]
    public async Task An_expired_backup_in_a_read_only_location_stays_and_says_why()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"accessMode":"ReadOnly"}}""");
        cluster.Api.Patch(VeleroResources.Backups, "velero", "b", """{"status":{"expiration":"2026-01-01T00:00:00Z"}}""");
        await cluster.WaitAsync(VeleroResources.Backups, "b", b => b.Label(VeleroLabels.GcFailure) == "BSLReadOnly");
        Assert.Empty(cluster.Api.All(VeleroResources.DeleteBackupRequests));
    }
}
