using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Sync;

/// <summary>Which backups of a location come into the cluster, and as what.</summary>
public sealed class SyncCaseTests
{
    private const string Past = "2020-01-01T00:00:00Z";
    private const string Future = "2999-01-01T00:00:00Z";

    [Theory]
    [InlineData("Completed", Future, "Completed")]
    [InlineData("PartiallyFailed", Future, "PartiallyFailed")]
    [InlineData("Failed", Future, "Failed")]
    // Somebody else may be at work on these.
    [InlineData("", Future, null)]
    [InlineData("New", Past, null)]
    [InlineData("InProgress", Past, null)]
    [InlineData("Deleting", Future, null)]
    [InlineData("FailedValidation", Future, null)]
    [InlineData("Finalizing", Future, null)]
    [InlineData("Finalizing", null, null)]
    [InlineData("FinalizingPartiallyFailed", Future, null)]
    [InlineData("WaitingForPluginOperations", Future, null)]
    [InlineData("WaitingForPluginOperationsPartiallyFailed", Future, null)]
    public async Task A_backup_comes_in_once_it_has_ended(string stored, string? expiration, string? phase)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        Write(cluster, "a", $$"""{"phase":"{{stored}}","expiration":{{(expiration is null ? "null" : $"\"{expiration}\"")}} }""");
        // They come in by name, so that the first was dealt with when the second is there.
        Write(cluster, "z", """{"phase":"Completed"}""");
        SyncOften(cluster);
        await cluster.WaitForPhaseAsync(VeleroResources.Backups, "z", "Completed");
        Assert.Equal(phase, cluster.Api.Find(VeleroResources.Backups, "velero", "a").Text("status", "phase"));
    }

    [Theory]
    [InlineData("Finalizing")]
    [InlineData("FinalizingPartiallyFailed")]
    [InlineData("WaitingForPluginOperations")]
    [InlineData("WaitingForPluginOperationsPartiallyFailed")]
    public async Task A_backup_that_nobody_ended_before_its_time_was_over_comes_in_and_is_deleted(string stored)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        Write(cluster, "a", $$"""{"phase":"{{stored}}","expiration":"{{Past}}"}""", """{"uid":"of-another-cluster"}""");
        SyncOften(cluster);
        await ControllerFixture.WaitUntilAsync(() => !Directory.Exists(Path.Combine(cluster.LocationPath, "backups/a")));
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", "a") is null);
    }

    [Fact]
    public async Task A_backup_of_another_cluster_becomes_one_of_this()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        Write(cluster, "a", """{"phase":"Completed","expiration":"2999-01-01T00:00:00Z"}""", """
            {"namespace":"elsewhere","uid":"old","resourceVersion":"7","generation":4,"finalizers":["example.com/f"],"labels":{"velero.io/storage-location":"east","mine":"x"},"annotations":{"note":"n"}}
            """, """{"storageLocation":"east","includedNamespaces":["shop"],"hooks":{"resources":[{"name":"h"}]}}""");
        SyncOften(cluster);
        var backup = await cluster.WaitForPhaseAsync(VeleroResources.Backups, "a", "Completed");
        Assert.Equal(("velero", "default", "default"), (backup.Namespace(), backup.Text("spec", "storageLocation"), backup.Label(VeleroLabels.StorageLocation)));
        Assert.Equal(("x", "n", "shop"), (backup.Label("mine"), backup.Annotation("note"), backup["spec"]!["includedNamespaces"]![0]!.GetValue<string>()));
        Assert.NotEqual("old", backup.Uid());
        Assert.Null(backup["spec"]!["hooks"]);
        Assert.Null(backup["metadata"]!["finalizers"]);
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("other-uid", null)]
    [InlineData("same-uid", "nightly")]
    public async Task A_backup_belongs_to_its_schedule_again_where_that_is_the_same(string? scheduleUid, string? owner)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        if (scheduleUid is not null) cluster.Api.Add(VeleroResources.Schedules, $$"""{"metadata":{"name":"nightly","namespace":"velero","uid":"{{scheduleUid}}"},"spec":{"schedule":"0 3 * * *","paused":true} }""");
        Write(cluster, "a", """{"phase":"Completed"}""", """
            {"ownerReferences":[{"apiVersion":"velero.io/v1","kind":"Schedule","name":"nightly","uid":"same-uid","controller":true},{"apiVersion":"v1","kind":"ConfigMap","name":"gone","uid":"x"}]}
            """);
        SyncOften(cluster);
        var backup = await cluster.WaitForPhaseAsync(VeleroResources.Backups, "a", "Completed");
        Assert.Equal(owner, backup.Objects("metadata", "ownerReferences").SingleOrDefault().Text("name"));
    }

    [Fact]
    public async Task Backups_of_other_locations_and_unfinished_ones_stay_although_the_location_does_not_have_them()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"east","namespace":"velero"},"spec":{"storageLocation":"east"},"status":{"phase":"Completed"}}""");
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"refused","namespace":"velero"},"spec":{"storageLocation":"default"},"status":{"phase":"FailedValidation"}}""");
        cluster.Api.Add(VeleroResources.Backups, """{"metadata":{"name":"gone","namespace":"velero"},"spec":{"storageLocation":"default"},"status":{"phase":"PartiallyFailed"}}""");
        Write(cluster, "here", """{"phase":"Completed"}""");
        SyncOften(cluster);
        await ControllerFixture.WaitUntilAsync(() => cluster.Api.Find(VeleroResources.Backups, "velero", "gone") is null);
        // A round that had listed the location before it was written there removes the other one first.
        await cluster.WaitForPhaseAsync(VeleroResources.Backups, "here", "Completed");
        Assert.Equal(["east", "here", "refused"], cluster.Api.All(VeleroResources.Backups).Select(b => b.Name()));
    }

    private static void SyncOften(ControllerFixture cluster) => cluster.Api.Patch(VeleroResources.BackupStorageLocations, "velero", "default", """{"spec":{"backupSyncPeriod":"100ms"}}""");

    private static void Write(ControllerFixture cluster, string name, string status, string metadata = "{}", string spec = "{}")
    {
        var backup = new JsonObject { ["apiVersion"] = "velero.io/v1", ["kind"] = "Backup", ["metadata"] = JsonNode.Parse(metadata), ["spec"] = JsonNode.Parse(spec), ["status"] = JsonNode.Parse(status) };
        backup["metadata"]!["name"] = name;
        // The metadata file comes last, as it does when a backup is written: a folder without it is none.
        var folder = Directory.CreateDirectory(Path.Combine(cluster.LocationPath, "backups", name)).FullName;
        File.WriteAllText(Path.Combine(folder, "aside"), backup.ToJsonString());
        File.Move(Path.Combine(folder, "aside"), Path.Combine(folder, "velero-backup.json"));
    }
}
