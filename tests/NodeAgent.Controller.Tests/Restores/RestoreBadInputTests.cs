using NodeAgent.Controller.Cluster;
using NodeAgent.Controller.Tests.Harness;
using NodeAgent.Kubernetes;
using NodeAgent.Kubernetes.Velero;

namespace NodeAgent.Controller.Tests.Restores;

/// <summary>Restores of what cannot be restored: each says so on its object, and none changes anything.</summary>
public sealed class RestoreBadInputTests
{
    [Theory]
    [InlineData(BackupPhase.New, true)]
    [InlineData(BackupPhase.InProgress, true)]
    [InlineData(BackupPhase.Finalizing, true)]
    [InlineData(BackupPhase.WaitingForPluginOperations, true)]
    [InlineData(BackupPhase.Failed, false)]
    [InlineData(BackupPhase.FailedValidation, false)]
    [InlineData(BackupPhase.Deleting, false)]
    public async Task A_backup_that_is_not_done_or_has_failed_is_named_with_its_phase(string phase, bool mayEnd)
    {
        await using var cluster = await ControllerFixture.StartAsync(start: false);
        cluster.Api.Add(VeleroResources.Backups, $$$"""{"metadata":{"name":"b","namespace":"velero"},"spec":{"storageLocation":"default"},"status":{"phase":"{{{phase}}}"} }""");
        // The controller has a view of its own of backups that nobody works on, so that it is asked before it can act on it.
        cluster.Api.Interfere = r => r.Method == "PATCH" && r.Path.Value!.Contains("/backups/", StringComparison.Ordinal) ? (System.Net.HttpStatusCode.ServiceUnavailable, "Busy") : null;
        cluster.StartController();
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.FailedValidation, restore.Text("status", "phase"));
        var message = $"backup \"b\" is {phase}; only a Completed or PartiallyFailed backup can be restored" + (mayEnd ? "; wait for its end and restore again" : "");
        Assert.Equal(message, Assert.Single(restore["status"]!["validationErrors"]!.AsArray())!.GetValue<string>());
    }

    [Fact]
    public async Task A_backup_whose_location_is_gone_is_named_with_the_location()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.Api.Remove(VeleroResources.BackupStorageLocations, "velero", "default");
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.FailedValidation, restore.Text("status", "phase"));
        Assert.Equal("backup storage location \"default\" does not exist; backup \"b\" is in it: create the location again", Assert.Single(restore["status"]!["validationErrors"]!.AsArray())!.GetValue<string>());
    }

    [Fact]
    public async Task A_backup_whose_archive_is_gone_is_named_with_the_location()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        File.Delete(Path.Combine(cluster.LocationPath, "backups/b/b.tar.gz"));
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.FailedValidation, restore.Text("status", "phase"));
        Assert.Contains("backup \"b\" has no contents in location \"default\"", Assert.Single(restore["status"]!["validationErrors"]!.AsArray())!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.3)]
    [InlineData(0.7)]
    [InlineData(0.99)]
    public async Task An_archive_that_is_cut_short_fails_the_restore_and_changes_nothing(double share)
    {
        await using var cluster = await ControllerFixture.StartAsync();
        for (var i = 0; i < 20; i++) cluster.Api.Add(WellKnownTestKinds.ConfigMaps, $$$"""{"metadata":{"name":"c{{{i}}}","namespace":"shop"},"data":{"k":"{{{Guid.NewGuid()}}}"} }""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        cluster.LoseShop();
        var archive = Path.Combine(cluster.LocationPath, "backups/b/b.tar.gz");
        await using (var file = File.OpenWrite(archive)) file.SetLength((long)(file.Length * share));
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.Failed, restore.Text("status", "phase"));
        Assert.Contains("damaged", restore.Text("status", "failureReason"), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', restore.Text("status", "failureReason")!);
        Assert.Null(cluster.Api.Find(KubernetesResources.Namespaces, null, "shop"));
    }

    [Fact]
    public async Task Paths_out_of_the_archive_are_passed_over_and_nothing_is_written_beside_it()
    {
        var work = Directory.CreateTempSubdirectory("restore-work-");
        try
        {
            await using var cluster = await ControllerFixture.StartAsync(o => o with { WorkDirectory = Path.Combine(work.FullName, "work") });
            cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"fine","namespace":"shop"}}""");
            await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
            var entries = new Dictionary<string, string>(BackupContents.ReadArchive(cluster.Bucket, "b"));
            const string Evil = """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"evil","namespace":"shop"}}""";
            foreach (var path in new[]
            {
                "../evil.json", "../../evil.json", "/evil.json", "resources/../../evil.json", "resources/configmaps/namespaces/../evil.json", "resources/configmaps/namespaces/../../../../evil.json",
                "resources/configmaps/namespaces/shop/..json", "resources/../configmaps/namespaces/shop/evil.json", "resources/configmaps/v1/namespaces/../evil.json", "resources/configmaps/../namespaces/shop/evil.json",
            })
            {
                entries[path] = Evil;
            }

            BackupContents.WriteArchive(cluster.Bucket, "b", entries);
            cluster.LoseShop();
            var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
            Assert.Equal(RestorePhase.Completed, restore.Text("status", "phase"));
            Assert.NotNull(cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", "fine"));
            Assert.Single(cluster.Api.All(WellKnownTestKinds.ConfigMaps));
            Assert.Equal(["work"], work.EnumerateFileSystemInfos().Select(f => f.Name));
            // The archive is closed after the restore has said how it ended.
            await ControllerFixture.WaitUntilAsync(() => !Directory.EnumerateFileSystemEntries(Path.Combine(work.FullName, "work")).Any());
            Assert.False(File.Exists("/evil.json"));
        }
        finally
        {
            work.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task An_object_of_the_archive_that_is_no_JSON_fails_alone()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        cluster.Api.Add(WellKnownTestKinds.ConfigMaps, """{"metadata":{"name":"fine","namespace":"shop"}}""");
        await cluster.BackUpAsync("b", """{"includedNamespaces":["shop"]}""");
        var entries = new Dictionary<string, string>(BackupContents.ReadArchive(cluster.Bucket, "b"))
        {
            ["resources/configmaps/namespaces/shop/broken.json"] = "{\"apiVersion\":",
            ["resources/configmaps/namespaces/shop/list.json"] = "[]",
        };
        BackupContents.WriteArchive(cluster.Bucket, "b", entries);
        cluster.LoseShop();
        var restore = await cluster.RestoreAsync("r", """{"backupName":"b"}""");
        Assert.Equal(RestorePhase.PartiallyFailed, restore.Text("status", "phase"));
        Assert.Equal(2, restore.Number("status", "errors"));
        Assert.NotNull(cluster.Api.Find(WellKnownTestKinds.ConfigMaps, "shop", "fine"));
        var results = BackupContents.ReadGzip(cluster.Bucket, "restores/r/restore-r-results.gz");
        Assert.Contains("shop/broken: not valid JSON", results, StringComparison.Ordinal);
        Assert.Contains("shop/list: the archive holds no object", results, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_newest_completed_backup_of_a_schedule_counts_and_a_partially_failed_one_does_not()
    {
        await using var cluster = await ControllerFixture.StartAsync();
        foreach (var (name, started, phase) in new[] { ("old", "2020-01-01T00:00:00Z", BackupPhase.Completed), ("mid", "2020-02-01T00:00:00Z", BackupPhase.Completed), ("new", "2020-03-01T00:00:00Z", BackupPhase.PartiallyFailed) })
        {
            cluster.Api.Add(VeleroResources.Backups, $$$"""{"metadata":{"name":"{{{name}}}","namespace":"velero","labels":{"velero.io/schedule-name":"s"}},"spec":{"includedNamespaces":["shop"]} }""");
            await cluster.WaitForEndAsync(VeleroResources.Backups, name);
            cluster.Api.Patch(VeleroResources.Backups, "velero", name, $$$"""{"status":{"startTimestamp":"{{{started}}}","phase":"{{{phase}}}"} }""");
        }

        Assert.Equal("mid", (await cluster.RestoreAsync("r", """{"scheduleName":"s"}""")).Text("spec", "backupName"));
        // By name it can be restored, as the command line's --allow-partially-failed does.
        Assert.Equal(RestorePhase.Completed, (await cluster.RestoreAsync("named", """{"backupName":"new"}""")).Text("status", "phase"));
    }
}
